# Ballast: automatic balancing and virtual desktops for plain Xen pools.
#
#   make            release build of ballast-agent, ballast-controller and ballast into build/release/
#   make run        builds, then runs a controller and four simulated hosts that balance themselves (Ctrl-C ends it)
#   make check      everything that needs no Xen: unit, property and golden tests, fuzzing in brief, end-to-end tests
#                   on simulated hosts, include arrows, purity of the cores, formatting
#   make race-check what threads share, under the thread sanitizer
#   make web-check  the dashboard in a real browser (Debian's Chromium), on simulated hosts
#   make soak       the simulator of the whole system, seed after seed, until a promise is broken (SEED=n) or Ctrl-C
#   make lab        boots two real Xen hosts (HOSTS=n) under QEMU with the agent in each dom0
#   make lab-check  the acceptance test on real Xen
#   make bench      speed and memory beside the peers' (docs/benchmarks.md); its table goes to build/release/benchmarks.md
#   make format     formats the sources in place
#   make install    DESTDIR= PREFIX=/usr: programs, units, man pages, completion, settings, for cron, Prometheus and Grafana
#   make deps       installs the Debian packages that the above need (each verb calls it; does nothing when there)
#   make clean      removes build/
#
#   BUILD=release|debug|asan|tsan   V=1 shows commands   JOBS=n (default: all cores)

BUILD ?= release
PREFIX ?= /usr
HOSTS ?= 2
JOBS ?= $(shell nproc)
VERSION := 0.1.0
OUT := build/$(BUILD)

ifeq ($(filter $(BUILD),release debug asan tsan),)
$(error BUILD=$(BUILD) is none of release, debug, asan, tsan)
endif

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-8s %s\n' $(1) $(2))

# ccache is used when it is there; it changes no result.
CXX := $(if $(shell command -v ccache),ccache )g++-12
export CCACHE_SLOPPINESS ?= pch_defines,time_macros
# A precompiled header is another file each time that it is made; the sum beside it says when it means the same.
export CCACHE_PCH_EXTSUM := 1
PROTOC := protoc
PYTHON := python3

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum -Wnon-virtual-dtor -Wold-style-cast -Werror \
            -Wno-missing-field-initializers -Wno-subobject-linkage
# Designated initialisers name what they set, the rest has defaults; and a file that a unit includes is no header.
FLAGS_release := -O2 -DNDEBUG -D_FORTIFY_SOURCE=2
# xxhash insists on inlining what -Og does not.
FLAGS_debug := -Og -g -DXXH_NO_INLINE_HINTS=1
# Without vptr: the cores have no type information that it could compare with.
FLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer
# The fences that it cannot follow are between processes, in the simulated host's file.
FLAGS_tsan := -O1 -g -fsanitize=thread -Wno-tsan
LINK_asan := -fsanitize=address,undefined
LINK_tsan := -fsanitize=thread
LINK_release := -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,-z,pack-relative-relocs
CXXFLAGS = -std=c++20 $(WARNINGS) $(FLAGS_$(BUILD)) -ffunction-sections -fdata-sections -fstack-protector-strong \
           -fPIE -pipe -I. -I$(OUT)/gen -DBALLAST_VERSION='"$(VERSION)"' -MMD -MP
LDFLAGS = -pie $(LINK_$(BUILD)) -Wl,--as-needed

# Sources by role. The pure ones compile without exceptions and RTTI; `make check` looks at their symbols.
pure_src := $(wildcard base/*.cpp policy/*.cpp policy/*/*.cpp agent/core/*.cpp controller/core/*.cpp \
                       controller/core/desktop/*.cpp \
                       sim/experiments/*.cpp image/core/*.cpp)
proto_src := $(wildcard proto/*.cpp)
shell_src := $(wildcard shell/*.cpp)
glue_src := $(wildcard xen_glue/*.cpp xen_glue/sim/*.cpp)
xen_src := $(wildcard xen_glue/xen/*.cpp)
agent_src := $(wildcard agent/*.cpp agent/relay/*.cpp agent/disks/*.cpp)
# The agent's second program: what its workers let be done on disk images.
agent_image_src := $(wildcard agent/images/*.cpp)
# A file that the one writes and the other reads.
sketch_file_src := agent/images/sketch_file.cpp
controller_src := $(wildcard controller/*.cpp controller/access/*.cpp controller/http/*.cpp controller/http/feed/*.cpp)
cli_src := $(wildcard cli/*.cpp cli/*/*.cpp)
image_src := $(wildcard image/core/*.cpp image/*.cpp)
# What the command line uses of the folders below it.
experiments_src := $(wildcard sim/experiments/*.cpp)
# The simulator of the whole system: the cores, and the pure half of the simulated Xen.
simulator_src := $(wildcard sim/*.cpp agent/core/*.cpp controller/core/*.cpp controller/core/desktop/*.cpp) \
                 $(addprefix xen_glue/sim/,sim_host.cpp sim_time.cpp sim_operations.cpp load.cpp cpu_share.cpp)
cli_lib_src := $(wildcard base/*.cpp policy/*.cpp policy/*/*.cpp) $(experiments_src) xen_glue/sim/precopy.cpp \
               $(simulator_src) \
               shell/config.cpp shell/durable_file.cpp shell/random.cpp shell/sha256.cpp shell/hmac.cpp \
               shell/hash_chain.cpp $(image_src)
guest_src := $(wildcard guest/*.cpp)
vif_src := $(wildcard xen_glue/vif_script/*.cpp) guest/xenbus.cpp
test_src := $(wildcard tests/unit/*.cpp)
xen_test_src := $(wildcard tests/xen/*.cpp)
fuzz_src := $(wildcard tests/fuzz/*_fuzz.cpp)

# Compilation is mostly the reading of headers and the making of the templates in them, so several files of a room are
# one translation unit: half of the time. A room is a set of files that are compiled alike and always linked together.
# Two files of a room therefore give no two things of their own the same name; a file in no room is compiled alone, and
# so is every file with BUILD=debug, which is quicker while one file is being changed.
vector_kernels := $(wildcard image/core/md5_*.cpp image/core/sha256_*.cpp)  # for processors that the other files must not be compiled for
hash_src := $(addprefix shell/,durable_file.cpp random.cpp sha256.cpp hmac.cpp hash_chain.cpp)
rapidjson_src := controller/http/json_body.cpp controller/http/json_out.cpp
soak_src := cli/offline/simulate_soak.cpp
# Small rather than fast: code that runs at start only, and much of it (templates of toml++ and fmt), or a few times a
# second, or once in the life of a worker process.
worker_src := $(wildcard agent/worker*.cpp agent/image_*.cpp) agent/memory_filter.cpp agent/sketches.cpp agent/adopt.cpp \
              agent/record_codec.cpp agent/save_files.cpp
small_src := $(worker_src) shell/config.cpp shell/tls_credentials.cpp agent/config.cpp agent/journal.cpp agent/main.cpp \
             xen_glue/domain_spec.cpp xen_glue/xen/toolstack.cpp xen_glue/sim/host_setup.cpp $(proto_src)
room_policy := $(wildcard policy/*.cpp)
room_planner := $(wildcard policy/planner/*.cpp)
room_experiments := $(experiments_src)
room_agent-core := $(wildcard agent/core/*.cpp)
room_core := $(wildcard controller/core/*.cpp)
room_desktop := $(wildcard controller/core/desktop/*.cpp)
# Of image/, all that the controller needs.
similarity_src := image/core/similarity.cpp
room_image-core := $(filter-out $(vector_kernels) $(similarity_src),$(wildcard image/core/*.cpp))
room_image := $(filter-out image/nbd_source.cpp,$(wildcard image/*.cpp))  # ballast-image goes without libnbd
room_proto := $(proto_src)
room_hash := $(hash_src)
room_shell := $(filter-out $(hash_src) $(small_src) shell/footprint.cpp,$(shell_src))  # <link.h> and <ev.h> quarrel
room_sim-host := $(filter xen_glue/sim/%,$(simulator_src))
room_sim-process := $(filter-out $(simulator_src) $(small_src) xen_glue/sim/precopy.cpp,$(wildcard xen_glue/sim/*.cpp))
room_xen := $(filter-out $(small_src),$(xen_src))
room_agent := $(filter-out $(small_src) agent/main.cpp agent/hypervisors.cpp,$(wildcard agent/*.cpp))
room_worker := $(worker_src)
room_images := $(filter-out $(sketch_file_src),$(agent_image_src))
room_relay := $(wildcard agent/relay/*.cpp)
room_disks := $(wildcard agent/disks/*.cpp)
room_controller := $(filter-out controller/main.cpp,$(wildcard controller/*.cpp))
room_access := $(wildcard controller/access/*.cpp)
room_http := $(filter-out $(rapidjson_src),$(wildcard controller/http/*.cpp))
room_feed := $(wildcard controller/http/feed/*.cpp)
room_json := $(rapidjson_src)
room_cli := $(filter-out cli/main.cpp cli/parse.cpp,$(wildcard cli/*.cpp))
room_offline := $(filter-out $(soak_src),$(wildcard cli/offline/*.cpp))
room_online := $(wildcard cli/online/*.cpp)
room_simulator := $(wildcard sim/*.cpp)
room_unit-tests := $(test_src)
room_xen-tests := $(xen_test_src)
rooms := policy planner experiments agent-core core desktop image-core image proto hash shell sim-host sim-process xen \
         agent worker images relay disks controller access http feed json cli offline online simulator unit-tests xen-tests
files_in_a_unit := 24
$(foreach room,core simulator,$(eval files_in_a_unit_of_$(room) := 40))

hash := \#
define newline


endef
# $(1): a file, $(2): its text. Written only when it says something new.
write = $(if $(call unlike,$(file <$(1)),$(2)),$(file >$(1),$(2)))
unlike = $(filter-out $(1),$(2))$(filter-out $(2),$(1))
# $(1): a room, $(2): one x for each unit until this one, $(3): its files.
define unit
$(foreach file,$(3),$(eval object_of_$(file) := $(OUT)/obj/units/$(1)-$(words $(2)).o))
$(call write,$(OUT)/units/$(1)-$(words $(2)).cpp,$(foreach file,$(3),$(hash)include "$(file)"$(newline)))
endef
units = $(if $(3),$(call unit,$(1),$(2),$(call first_of,$(1),$(3)))$(call units,$(1),$(2) x,$(wordlist \
        $(words x $(call first_of,$(1),$(3))),$(words $(3)),$(3))))
first_of = $(wordlist 1,$(or $(files_in_a_unit_of_$(1)),$(files_in_a_unit)),$(2))
ifneq ($(BUILD),debug)
$(shell mkdir -p $(OUT)/units)
$(foreach room,$(rooms),$(if $(call units,$(room),x,$(room_$(room))),))
endif

# The objects that hold these files.
obj = $(sort $(foreach file,$(1),$(or $(object_of_$(file)),$(OUT)/obj/$(file:.cpp=.o))))
gen_hdr := $(OUT)/gen/proto/ballast.pb.h
gen_obj := $(OUT)/obj/proto/ballast.pb.o

common_obj := $(call obj,$(wildcard base/*.cpp) $(proto_src) $(shell_src)) $(gen_obj)
agent_lib_obj := $(call obj,$(wildcard agent/core/*.cpp) $(filter-out agent/main.cpp,$(agent_src)) $(sketch_file_src) $(glue_src) $(xen_src))
controller_lib_obj := $(call obj,$(wildcard policy/*.cpp policy/*/*.cpp controller/core/*.cpp \
                          controller/core/desktop/*.cpp) $(similarity_src) \
                        $(filter-out controller/main.cpp,$(controller_src)))

libs_common := -lprotobuf-lite -lev -lgnutls -lfmt
libs_agent := $(libs_common) -lxenlight -lxenstat -lxenstore -lxentoollog -lxenctrl -lzstd -llz4 -lpthread
libs_controller := $(libs_common) -lmicrohttpd -lsqlite3
libs_image := -lnbd -lgnutls -lzstd -lpthread
libs_cli := -lcurl-gnutls -lfmt -lz $(libs_image)

daemons := $(OUT)/ballast-agent $(OUT)/ballast-image $(OUT)/ballast-controller
guest_program := $(OUT)/ballast-guest
vif_program := $(OUT)/ballast-vif-bridge
programs := $(daemons) $(OUT)/ballast $(guest_program) $(vif_program)

.PHONY: all
ifneq ($(and $(filter all,$(MAKECMDGOALS)),$(filter-out all,$(MAKECMDGOALS))),)
# Beside another goal: by this make itself, because two that make the same objects at once write into each other's.
all: programs
$(programs) $(gen_hdr): | deps
else
all: deps
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) programs
endif

# Inner goals: called by the verbs once the packages are there.
.PHONY: programs
programs: $(programs)

$(OUT)/ballast-agent: $(common_obj) $(agent_lib_obj) $(call obj,agent/main.cpp)
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(libs_agent)

$(OUT)/ballast-image: $(call obj,$(wildcard base/*.cpp) $(hash_src) $(filter-out image/nbd_source.cpp,$(image_src)) \
                         $(agent_image_src))
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ -lgnutls -lzstd -lpthread

$(OUT)/ballast-controller: $(common_obj) $(controller_lib_obj) $(call obj,controller/main.cpp)
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(libs_controller)

$(OUT)/ballast: $(call obj,$(cli_lib_src) $(cli_src))
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(libs_cli)

# Small static files: musl instead of glibc, and nothing of the C++ library. The one runs in any Linux guest, the other is
# started once for each network card, while a guest stands still.
$(guest_program): $(guest_src) $(wildcard guest/*.hpp)
$(vif_program): $(vif_src) $(wildcard xen_glue/vif_script/*.hpp) guest/xenbus.hpp
$(guest_program) $(vif_program):
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)gcc-12 -x c++ -std=c++20 $(WARNINGS) -specs=/usr/lib/x86_64-linux-musl/musl-gcc.specs -static -Os -s \
	    -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
	    -fstack-protector-strong -Wl,--gc-sections -I. -o $@ $(filter %.cpp,$^)

# Unit tests link everything but the Xen implementation, so that they run anywhere.
$(OUT)/unit-tests: $(common_obj) $(filter-out $(call obj,$(xen_src) agent/hypervisors.cpp),$(agent_lib_obj)) \
                   $(controller_lib_obj) $(call obj,$(filter-out cli/main.cpp,$(cli_src)) $(experiments_src)) \
                   $(call obj,$(filter-out guest/main.cpp,$(guest_src)) xen_glue/vif_script/card.cpp $(image_src) $(wildcard sim/*.cpp) $(test_src))
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(libs_common) -lcurl-gnutls -lz -lmicrohttpd -lsqlite3 -lzstd -llz4 -lnbd -lgtest -lgtest_main \
	    -lpthread

# The Xen implementation is tested with the real libxl and the real xl on a stand-in for the hypervisor and xenstored
# (tests/xen/stub), linked first so that its symbols win. xenctrl.h needs GNU extensions.
$(OUT)/xen-stub.so: tests/xen/stub/xen_stub.cpp
	$(call say,LINK,$@)
	$(Q)$(CXX) $(CXXFLAGS) -std=gnu++20 -MF $(OUT)/obj/xen_stub.d -MT $@ -fPIC -shared -o $@ $<

$(OUT)/xen-tests: $(common_obj) $(call obj,$(glue_src) $(xen_src) $(xen_test_src)) $(OUT)/xen-stub.so
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--no-as-needed $(OUT)/xen-stub.so -Wl,--as-needed \
	    -Wl,-rpath,'$$ORIGIN' $(libs_agent) -lgtest -lgtest_main

# Figures of the image folder, for `make bench`.
$(OUT)/image-bench: $(call obj,$(wildcard base/*.cpp) shell/durable_file.cpp shell/random.cpp shell/sha256.cpp \
                         shell/hmac.cpp $(image_src) tests/bench/image_bench.cpp)
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(libs_image) -lcrypto

# The load of the scale benchmark: agents by the hundred, and users who log in.
$(OUT)/fleet: $(common_obj) $(call obj,$(wildcard tests/bench/fleet/*.cpp))
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(libs_common)

# The same door as the agent's, on a command line, for trying it on a real dom0.
$(OUT)/xen-probe: $(call obj,$(wildcard base/*.cpp) $(glue_src) $(xen_src) tests/xen/probe/xen_probe.cpp)
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(libs_agent)

ifeq ($(BUILD),release)
$(gen_obj) $(call obj,$(small_src)): CXXFLAGS := $(patsubst -O2,-Os,$(CXXFLAGS))
endif
$(gen_obj): CXXFLAGS := $(filter-out $(WARNINGS),$(CXXFLAGS))

pure_flags := -fno-exceptions -fno-rtti
$(call obj,$(pure_src)): CXXFLAGS += $(pure_flags)
ifeq ($(BUILD),release)
# Not worth the compiler's time: the simulator and the command line are as quick with less, and the parser of the
# command line runs once. g++ 12 sees overflows in strings that are none at this level.
$(call obj,$(wildcard sim/*.cpp)): CXXFLAGS := $(patsubst -O2,-O1,$(CXXFLAGS))
$(call obj,$(filter-out cli/parse.cpp,$(cli_src))): CXXFLAGS := $(patsubst -O2,-O1,$(CXXFLAGS)) -Wno-stringop-overflow -Wno-array-bounds
$(call obj,cli/parse.cpp): CXXFLAGS := $(filter-out -O2 -D_FORTIFY_SOURCE=2,$(CXXFLAGS))
endif

# Unit tests are compiled once and run once, so not optimized; by clang, for it takes half as long, and the headers are
# seen by a second compiler. What nearly every test includes is compiled once. The sanitizers' builds are g++'s.
tests_obj := $(call obj,$(test_src) $(xen_test_src))
test_flags = $(filter-out -O1 -O2 -D_FORTIFY_SOURCE=2,$(CXXFLAGS)) -O0 -fno-exceptions
ifeq ($(filter asan tsan,$(BUILD)),)
test_pch := $(OUT)/tests.hpp
clang_flags = $(filter-out -Wno-subobject-linkage,$(test_flags))
$(tests_obj): private CXX := $(if $(shell command -v ccache),ccache )clang++-14
$(tests_obj): private CXXFLAGS := $(clang_flags) -include-pch $(test_pch).pch
$(tests_obj): $(test_pch).pch
# ccache knows it by the sum, and by the folder: clang names the headers in it with their whole paths.
$(test_pch).pch: Makefile | $(gen_hdr)
	$(call say,PCH,tests)
	@mkdir -p $(@D)
	@printf '#include "%s"\n' gtest/gtest.h controller/core/core.hpp agent/core/core.hpp policy/policy.hpp > $(test_pch)
	@{ pwd; clang++-14 --version; clang++-14 $(clang_flags) -E -P -MF /dev/null -x c++-header $(test_pch); } | sha256sum > $@.sum
	$(Q)clang++-14 $(clang_flags) -fpch-instantiate-templates -MF $(test_pch).d -MT $@ -x c++-header -o $@ $(test_pch)
else
$(tests_obj): CXXFLAGS := $(test_flags)
endif

# RapidJSON adds to null pointers where its stacks are still empty; nothing else is hidden.
$(call obj,$(rapidjson_src)): CXXFLAGS += -fno-sanitize=pointer-overflow
$(call obj,$(cli_src)): CXXFLAGS += -fno-sanitize=pointer-overflow
# A failing seed is worth nothing without the commit that it failed on.
COMMIT := $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
soak_obj := $(call obj,$(soak_src))
$(soak_obj): CXXFLAGS += -DBALLAST_COMMIT='"$(COMMIT)"'
$(soak_obj): $(OUT)/commit
.PHONY: always
$(OUT)/commit: always
	@mkdir -p $(@D)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' > $@

define compile
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CXXFLAGS) -c -o $@ $<
endef
$(OUT)/obj/units/%.o: $(OUT)/units/%.cpp | $(gen_hdr)
	$(compile)
$(OUT)/obj/%.o: %.cpp | $(gen_hdr)
	$(compile)

# The contract of the endpoint, for the controller to serve.
openapi_hdr := $(OUT)/gen/controller/http/openapi_json.hpp
$(call obj,controller/http/handlers_openapi.cpp): $(openapi_hdr)
$(openapi_hdr): docs/openapi.yaml controller/http/embed_openapi.py
	$(call say,EMBED,$<)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) controller/http/embed_openapi.py $< $@

# The dashboard's files, likewise.
web_hdr := $(OUT)/gen/controller/http/web_assets.hpp
$(call obj,controller/http/assets.cpp): $(web_hdr)
$(web_hdr): $(shell find web -type f) controller/http/embed_web.py
	$(call say,EMBED,web)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) controller/http/embed_web.py web $@

$(gen_obj): $(gen_hdr)
	$(call say,CXX,proto/ballast.pb.cc)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CXXFLAGS) -c -o $@ $(OUT)/gen/proto/ballast.pb.cc

$(gen_hdr): proto/ballast.proto
	$(call say,PROTOC,$<)
	@mkdir -p $(OUT)/gen
	$(Q)$(PROTOC) --cpp_out=$(OUT)/gen $<

-include $(shell find $(OUT)/obj $(OUT)/fuzz $(OUT)/tests.hpp.d -name '*.d' 2>/dev/null)

# ---- verbs ----

.PHONY: run check race-check web-check soak bench lab lab-check install deps format clean help test-programs fuzz-programs
help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

# Looks into the state file of a simulated host: for end-to-end tests and for developers.
$(OUT)/sim-inspect: $(call obj,$(wildcard base/*.cpp) $(glue_src) xen_glue/sim/tools/sim_inspect.cpp)
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^

# Prints the state machines for docs/states.md.
$(OUT)/states-doc: $(call obj,$(wildcard base/*.cpp) controller/core/machines.cpp tests/tools/states_doc.cpp)
	$(call say,LINK,$@)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^

.PHONY: states
states: $(OUT)/states-doc
	$(Q)$(OUT)/states-doc > docs/states.md

# Which role may call which operation, as the controller's table has it.
.PHONY: roles
roles: $(OUT)/ballast-controller
	$(Q)$(OUT)/ballast-controller --roles > docs/roles.md

test-programs: $(OUT)/unit-tests $(OUT)/xen-tests $(OUT)/sim-inspect $(OUT)/states-doc

# libFuzzer needs clang, and its runtime in every object: a small build of its own.
fuzz_extra_src += shell/config.cpp shell/durable_file.cpp
fuzz_lib_src := $(wildcard base/*.cpp) $(proto_src) $(fuzz_extra_src)
# Of the rooms only those that a target takes whole; a file of another is compiled alone.
fuzz_rooms := workers policy planner proto json
fuzz_units := $(sort $(foreach file,$(foreach room,$(fuzz_rooms),$(room_$(room))),$(object_of_$(file))))
fuzz_obj = $(sort $(foreach file,$(1),$(or $(patsubst $(OUT)/obj/%,$(OUT)/fuzz/%,$(filter $(fuzz_units),$(object_of_$(file)))),\
           $(OUT)/fuzz/$(file:.cpp=.o))))
fuzz_targets := $(patsubst tests/fuzz/%.cpp,$(OUT)/fuzz/%,$(fuzz_src))
# Left out are checks that took half of the compiler's time: null pointers and most of what object-size finds the address
# sanitizer finds too; misaligned access and a wrong dynamic type are not looked for here (BUILD=asan looks for them).
# And no line tables: a crash names its functions, and leaves its input.
FUZZ_FLAGS := -std=c++20 -O1 -fsanitize=fuzzer-no-link,address,undefined \
              -fno-sanitize=null,alignment,object-size,vptr -fno-sanitize-recover=all -I. -I$(OUT)/gen \
              -DBALLAST_VERSION='"$(VERSION)"' -MMD -MP
fuzz-programs: $(fuzz_targets)
.PRECIOUS: $(OUT)/fuzz/%.o $(OUT)/fuzz/units/%.o
fuzz_pch := $(OUT)/fuzz/standard.hpp
$(fuzz_pch).pch: headers := algorithm array charconv cstdint cstring functional memory optional span string string_view \
                            utility vector
$(fuzz_pch).pch: Makefile
	$(call say,PCH,fuzz)
	@mkdir -p $(@D)
	@printf '#include <%s>\n' $(headers) > $(fuzz_pch)
	@{ pwd; clang++-14 --version; cat $(fuzz_pch); } | sha256sum > $@.sum
	$(Q)clang++-14 $(filter-out -MMD -MP,$(FUZZ_FLAGS)) -x c++-header -o $@ $(fuzz_pch)
define fuzz_compile
	$(call say,FUZZCXX,$<)
	@mkdir -p $(@D)
	$(Q)$(if $(shell command -v ccache),ccache )clang++-14 $(FUZZ_FLAGS) -include-pch $(fuzz_pch).pch -c -o $@ $<
endef
$(OUT)/fuzz/units/%.o: $(OUT)/units/%.cpp $(fuzz_pch).pch | $(gen_hdr)
	$(fuzz_compile)
$(OUT)/fuzz/%.o: %.cpp $(fuzz_pch).pch | $(gen_hdr)
	$(fuzz_compile)
# What a target needs beside base and proto. What protoc made is linked as it is, like the library that it calls.
$(call fuzz_obj,$(rapidjson_src)): FUZZ_FLAGS += -fno-sanitize=pointer-overflow
$(OUT)/fuzz/json_body_fuzz: $(call fuzz_obj,controller/http/json_body.cpp controller/http/guest_spec.cpp shell/random.cpp)
pool_file_src := $(addprefix cli/offline/,pool_file.cpp pool_handler.cpp pool_keep.cpp planning.cpp plan_json.cpp) cli/files.cpp \
                 $(wildcard policy/*.cpp policy/*/*.cpp)
$(call fuzz_obj,$(filter cli/%,$(pool_file_src))): FUZZ_FLAGS += -fno-sanitize=pointer-overflow
$(OUT)/fuzz/pool_file_fuzz: $(call fuzz_obj,$(pool_file_src))
$(OUT)/fuzz/image_index_fuzz: $(call fuzz_obj,image/core/index_format.cpp image/core/grid.cpp)
$(OUT)/fuzz/image_messages_fuzz: $(call fuzz_obj,$(addprefix image/core/,transfer_messages.cpp key_code.cpp recipe.cpp page_finder.cpp page_units.cpp))
$(OUT)/fuzz/rfb_fuzz: $(call fuzz_obj,$(addprefix agent/relay/,rfb_handshake.cpp rfb_input.cpp) shell/vnc_auth.cpp \
                                          shell/random.cpp)
$(OUT)/fuzz/%_fuzz: $(OUT)/fuzz/tests/fuzz/%_fuzz.o $(call fuzz_obj,$(fuzz_lib_src)) $(gen_obj)
	$(call say,LINK,$@)
	$(Q)clang++-14 -fsanitize=fuzzer,address,undefined -Wl,--as-needed -o $@ $^ -lprotobuf-lite -lfmt \
	    -lgnutls

# The end-to-end tests mostly wait, so the other tests are built beside them, by one make at a time.
built = flock $(OUT)/building nice -n 15 env -u MAKEFLAGS $(MAKE) --no-print-directory BUILD=$(BUILD) -j$(JOBS)
FUZZ_SECONDS ?= 5
SOAK_SEEDS ?= 300
check:
	$(Q)tests/tools/deps.sh check
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) programs $(OUT)/sim-inspect
	$(Q)tests/tools/run_checks.py \
	    "end-to-end=tests/e2e/run.sh $(OUT)" \
	    arrows=tests/check/layers.py \
	    format=tests/check/format.sh \
	    house-rules=tests/check/tidy.py \
	    "purity=tests/check/purity.sh $(call obj,$(pure_src))" \
	    "roles=tests/check/roles.sh $(OUT)/ballast-controller" \
	    "alerts=promtool check rules configs/prometheus/alerts.yml && promtool test rules configs/prometheus/alerts_test.yml" \
	    "install=tests/check/install.sh $(BUILD)" \
	    "soak=$(OUT)/ballast simulate soak --seed 1 --seeds $(SOAK_SEEDS)" \
	    "unit=$(built) test-programs && tests/tools/run_unit.sh $(OUT)/unit-tests" \
	    "states=$(built) test-programs && tests/check/states.sh $(OUT)/states-doc" \
	    "xen-mapping=$(built) test-programs && $(OUT)/xen-tests" \
	    "fuzz=$(built) fuzz-programs && nice -n 15 tests/tools/run_fuzz.sh $(FUZZ_SECONDS) $(fuzz_targets)"

# What several threads share, under the thread sanitizer. One build more of everything, so not part of `check`.
threaded_tests := *Transfer*:*Image*:*Hostile*:*Link*:*Log*:*Store*:*Worker*:*Disk*
race-check:
	$(Q)tests/tools/deps.sh check
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) BUILD=tsan build/tsan/unit-tests
	$(Q)tests/tools/run_checks.py \
	    "races=GTEST_FILTER='$(threaded_tests)' tests/tools/run_unit.sh build/tsan/unit-tests"

# Seeds that no check has seen: every run begins somewhere else, and says where.
soak: all
	$(Q)$(OUT)/ballast simulate soak --seed $${SEED:-$$(date +%s)00000} --endless

web-check:
	$(Q)tests/tools/deps.sh web
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) programs
	$(Q)tests/web/run.py $(OUT)

run: all
	$(Q)tests/tools/run_demo.py $(OUT)

lab:
	$(Q)tests/tools/deps.sh lab
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) programs
	$(Q)tests/lab/interactive.py $(OUT) $(HOSTS)

lab-check:
	$(Q)tests/tools/deps.sh lab
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) programs
	$(Q)tests/lab/acceptance.py $(OUT)

bench:
	$(Q)tests/tools/deps.sh bench
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) programs $(OUT)/image-bench $(OUT)/fleet
	$(Q)tests/bench/run.py $(OUT) --table $(OUT)/benchmarks.md

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)/etc/ballast $(DESTDIR)/lib/systemd/system \
	    $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/doc/ballast \
	    $(addprefix $(DESTDIR)$(PREFIX)/share/ballast/,cron.d prometheus grafana) \
	    $(DESTDIR)$(PREFIX)/lib/ballast/guest
	install -s -m 0755 $(daemons) $(vif_program) $(DESTDIR)$(PREFIX)/sbin
	install -s -m 0755 $(OUT)/ballast $(DESTDIR)$(PREFIX)/bin
	$(OUT)/ballast man $(DESTDIR)$(PREFIX)/share/man/man1
	$(OUT)/ballast completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/ballast
	install -m 0755 $(guest_program) packaging/guest/* $(DESTDIR)$(PREFIX)/lib/ballast/guest
	install -m 0755 packaging/ballast-pki $(DESTDIR)$(PREFIX)/bin
	install -m 0644 packaging/*.service $(DESTDIR)/lib/systemd/system
	install -m 0644 packaging/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 0644 configs/*.toml $(DESTDIR)$(PREFIX)/share/doc/ballast
	install -m 0644 configs/cron.d/ballast $(DESTDIR)$(PREFIX)/share/ballast/cron.d
	install -m 0644 configs/prometheus/alerts.yml configs/prometheus/prometheus.yml \
	    $(DESTDIR)$(PREFIX)/share/ballast/prometheus
	install -m 0644 configs/grafana/ballast.json $(DESTDIR)$(PREFIX)/share/ballast/grafana
	@for file in agent controller; do \
	    test -e $(DESTDIR)/etc/ballast/$$file.toml || \
	    install -m 0640 configs/$$file.toml $(DESTDIR)/etc/ballast/$$file.toml; done

deps:
	$(Q)tests/tools/deps.sh build

format:
	$(Q)git ls-files -co --exclude-standard '*.cpp' '*.hpp' | xargs -r clang-format-14 -i

clean:
	$(Q)rm -rf build
