"""The controller's HTTP endpoint, as an operator's script would use it."""

import http.client
import json
import time


class ApiError(Exception):
    """A problem document, or an answer that is none of ours."""

    def __init__(self, status, problem):
        super().__init__(f"{status}: {json.dumps(problem)[:600]}")
        self.status = status
        self.problem = problem if isinstance(problem, dict) else {}


class JobFailed(Exception):
    def __init__(self, job):
        super().__init__(f"job {job['id']} ({job['kind']} {job.get('vm')}) {job['state']}: "
                         f"{job.get('fault')}: {job.get('detail')}")
        self.job = job


class Api:
    def __init__(self, port, token):
        self.port = port
        self.token = token

    def request(self, method, path, body=None, headers=(), timeout=75):
        """(status, parsed body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Authorization": f"Bearer {self.token}",
                                                    "Content-Type": "application/json", **dict(headers)})
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if text and "json" in answer.getheader("Content-Type", "") else text
        finally:
            connection.close()

    def get(self, path):
        status, answer = self.request("GET", path)
        if status not in (200, 202):  # 202: a job that is still under way
            raise ApiError(status, answer)
        return answer

    def post(self, path, body=None, headers=()):
        status, answer = self.request("POST", path, body, headers)
        if status not in (200, 201, 202):
            raise ApiError(status, answer)
        return answer

    def wait_for_job(self, job_id, timeout):
        """The job once it has ended, however it ended. Goes on asking while the controller is away."""
        end = time.monotonic() + timeout
        while True:
            try:
                job = self.get(f"/v1/jobs/{job_id}?wait=20")
                if job["state"] in ("succeeded", "failed", "cancelled"):
                    return job
            except OSError:
                job = None
            if time.monotonic() > end:
                raise TimeoutError(f"job {job_id} has not ended after {timeout} s: {job}")

    def act(self, vm, verb, body=None, timeout=150):
        """Does something to a guest and waits until it is done; JobFailed when it is not."""
        answer = self.post(f"/v1/vms/{vm}:{verb}", body)
        if "kind" not in answer or "id" not in answer:
            return answer  # it is already so
        job = self.wait_for_job(answer["id"], timeout)
        if job["state"] != "succeeded":
            raise JobFailed(job)
        return job

    def create(self, spec, timeout=150):
        answer = self.post("/v1/vms", spec)
        job = self.wait_for_job(answer["id"], timeout)
        if job["state"] != "succeeded":
            raise JobFailed(job)
        return job

    def vm(self, name):
        return self.get(f"/v1/vms/{name}")

    def host(self, name):
        return self.get(f"/v1/hosts/{name}")
