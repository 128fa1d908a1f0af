# The developer's commands. `make` alone lists them; .ci/run calls the same ones.
PYTHON ?= python3
V := .venv/bin
D := .venv-debug/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# C, as strict as it gets: for our own C only, generated Cython code is not held to it.
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
CCS := $(foreach cc,gcc clang,$(if $(shell command -v $(cc)),$(cc)))
# -g1: what a sanitizer says has lines, and gcc needs a quarter less time than with -g.
C_FLAGS = -std=c11 -O1 -g1 $(WARN) $(SANITIZE) -Iplanesched/include -Icsrc
C_TESTS := $(basename $(notdir $(wildcard csrc/tests/*.c)))
C_BINS := $(foreach cc,$(CCS),$(C_TESTS:%=build/ctest/%.$(cc)))
AMALGAMATED := build/amalgamation/planesched.c
C_BINS += $(CCS:%=build/ctest/amalgamation.%)
TSAN_BIN = $(if $(SANITIZE),build/ctest/test_checker.tsan)
C_SOURCES := $(filter-out csrc/tests/%,$(wildcard csrc/*/*.c))
HEADERS := $(patsubst planesched/include/%,%,$(wildcard planesched/include/planesched/*.h)) \
	$(patsubst csrc/%,%,$(filter-out csrc/tests/%,$(wildcard csrc/*/*.h)))
C_DEPS := $(C_SOURCES) $(wildcard csrc/*/*.h csrc/*/*/*.h planesched/include/planesched/*.h)
COMPILED := $(subst /,.,$(basename $(shell find planesched -name '*.pyx')))

# Python itself leaks by design, and knows nothing of the sanitizers: they must be there first.
# Without pymalloc every object has its own red zone. -P: the installed package, not the checkout.
PRELOAD := $(shell gcc -print-file-name=libasan.so) $(shell gcc -print-file-name=libubsan.so)
# The rooms whose tests reach C by ways of their own; the others' come by the same.
DEBUGGED := tests/core tests/engine tests/checking tests/traces tests/live
PURELIB := 'import sysconfig; print(sysconfig.get_path("purelib"))'
UNDER_ASAN := LD_PRELOAD="$(PRELOAD)" ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
	UBSAN_OPTIONS=print_stacktrace=1 PYTHONSAFEPATH=1

.SECONDARY:  # objects of the C tests stay
.PHONY: help build test rest debug ctest freestanding kernel-qemu rust amalgamation lint stubs docs bench on-kvm live-qemu lib install clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

$(V)/python:
	$(PYTHON) -m venv .venv

build: $(V)/python  ## Build in place and install for development into .venv
	$(V)/pip install -q -e '.[dev,bench]'

test: build  ## Run the tests that the README's command runs
	$(V)/pytest -q -n 2 --dist worksteal -m 'not exhaustive and not integration'

rest: build  ## Run the other tests: billions of steps, and other people's larger packages
	$(V)/pytest -q -n 2 --dist worksteal -m 'exhaustive or integration'

debug: build  ## Run the tests on a debug build (asserts, ASan, UBSan) in .venv-debug
	$(V)/python -m venv --without-pip .venv-debug
	@# All else is borrowed. A path in a .pth comes last, and the .pth files there do not count.
	$(V)/python -c $(PURELIB) > "$$($(D)/python -c $(PURELIB))/borrowed.pth"
	PLANESCHED_DEBUG=1 $(V)/pip --python $(D)/python install -q --no-build-isolation --no-deps .
	@$(UNDER_ASAN) $(D)/python -c 'import planesched.core as core; print(core.__file__)' \
		| xargs nm -D | grep -q __asan_report || { echo "not a debug build" >&2; exit 1; }
	PLANESCHED_DEBUG=1 $(UNDER_ASAN) $(D)/python -m pytest -q -n 2 --dist worksteal \
		-m 'not wheel and not exhaustive and not integration and not python' \
		-p no:cacheprovider $(DEBUGGED)

ctest: $(C_BINS) $(TSAN_BIN)  ## Compile headers and C with strict warnings; run the C tests under ASan, UBSan
	@for cc in $(CCS); do for h in $(HEADERS); do for as in "c -std=c11" "c++ -std=c++17"; do \
		echo "$$cc -x $$as $$h"; echo "#include <$$h>" | \
		$$cc -x $$as $(WARN) -Iplanesched/include -Icsrc -fsyntax-only - || exit 1; done; done; done
	@for t in $(C_BINS) $(TSAN_BIN); do echo "$$t"; $(RUN) ./$$t || exit 1; done

freestanding:  ## Compile the rules as kernels are, for x86-64, arm64 and riscv64
	@csrc/tests/freestanding/check.sh $(CCS)

kernel-qemu: build  ## Build the Linux module and run it in a Debian kernel under QEMU
	PATH="$(CURDIR)/$(V):$$PATH" docs/examples/kernel/qemu.sh tests/data/conformance/*.toml

rust: export PLANESCHED_INCLUDE := $(CURDIR)/planesched/include
rust: export PLANESCHED_CASES := $(CURDIR)/build/cases.h
rust: export CARGO_TARGET_DIR := $(CURDIR)/build/rust
rust: build  ## Build and test the Rust crate, with every conformance case; needs cargo, no network
	$(V)/planesched conform tests/data/conformance/*.toml --c-table build/cases.h
	cd docs/examples/rust && cargo test --offline -q
	cd docs/examples/rust && cargo clippy --offline -q --all-targets -- -D warnings
	cd docs/examples/rust && cargo fmt --check

amalgamation: $(AMALGAMATED)  ## Write the C library as build/amalgamation/planesched.h and .c

$(AMALGAMATED): csrc/amalgamate.py $(C_DEPS)
	$(PYTHON) $< $(@D)

# Nothing but the two files; the header is C++ too. Some inline functions only Python's part uses.
# -O0: at -O1 the one file takes gcc 22 s and clang more; file by file, all is compiled at -O1 too.
build/ctest/amalgamation.%: csrc/tests/amalgamation/main.c csrc/tests/check.h $(AMALGAMATED)
	@mkdir -p $(@D)
	echo '#include <planesched.h>' | $* -x c++ -std=c++17 $(WARN) -Ibuild/amalgamation -fsyntax-only -
	$* -std=c11 -O0 -g1 $(WARN) -Wno-unused-function $(SANITIZE) -Ibuild/amalgamation -pthread \
		-o $@ $< $(AMALGAMATED) -lm

# The one that starts threads, under TSan.
$(TSAN_BIN): csrc/tests/test_checker.c $(C_DEPS)
	@mkdir -p $(@D)
	$(lastword $(CCS)) $(filter-out $(SANITIZE),$(C_FLAGS)) -fsanitize=thread -o $@ $< \
		$(wildcard csrc/checker/*.c) csrc/core/kick.c csrc/core/step_with.c

define C_RULE
build/ctest/$(1)/%.o: csrc/%.c Makefile
	@mkdir -p $$(@D)
	$(1) $(C_FLAGS) -MMD -MP -c -o $$@ $$<
build/ctest/%.$(1): csrc/tests/%.c $(C_SOURCES:csrc/%.c=build/ctest/$(1)/%.o)
	$(1) $(C_FLAGS) -MMD -MP -MF $$@.d -MT $$@ -pthread -o $$@ $$(filter %.c %.o,$$^) -lm $$(WRAP)
endef
$(foreach cc,$(CCS),$(eval $(call C_RULE,$(cc))))
build/ctest/test_no_memory.%: WRAP = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

lint: build  ## ruff, mypy --strict, pyright, cython-lint
	$(V)/ruff check .
	$(V)/ruff format --check .
	$(V)/mypy
	$(V)/mypy $(filter-out %/setup.py,$(wildcard docs/examples/*/*.py docs/making/*.py))
	$(V)/pyright --pythonpath $(V)/python
	PATH="$(CURDIR)/$(V):$$PATH" cython-lint planesched

stubs: build  ## Compare the .pyi of each compiled module with the module
	$(V)/python -m mypy.stubtest --mypy-config-file pyproject.toml \
		--allowlist tests/stubtest-allow.txt --ignore-unused-allowlist $(COMPILED)

docs: build  ## Build the documentation into build/docs/html; a warning is an error
	rm -rf build/docs
	$(V)/python docs/making build/docs/source
	$(V)/python -m sphinx -q -W --keep-going -b html -c docs build/docs/source build/docs/html

bench: build  ## Run the benchmarks
	-$(V)/pip install -q 'cimba>=0.9.5'  # a peer, where it installs
	$(V)/pytest benches --benchmark-only --benchmark-columns=min,median,rounds

report-browser: build  ## Open the one-page reports in Chromium, use them, and save pictures in build/report
	$(V)/python tests/browser/look.py build/report

on-kvm: build  ## Verify planes on this host's KVM: 100,000 acts
	$(V)/python tests/live/verify_all.py

live-qemu: build  ## Verify planes on a KVM under QEMU with the full local APIC: some minutes
	$(V)/python tests/live/qemu/run.py

# ---- The C library: the same sources, and no Python ----
PREFIX ?= /usr/local
CFLAGS ?= -O3 -g0
LIB_CFLAGS := -std=c11 -DNDEBUG -fPIC -fvisibility=hidden -Iplanesched/include -Icsrc
LIB_OBJECTS := $(C_SOURCES:csrc/%.c=build/lib/%.o)
# What the build wrote down, or what a tree that was never built calls itself.
VERSION = $(or $(shell sed -n "s/^__version__ = version = '\(.*\)'/\1/p" planesched/_version.py 2>/dev/null), \
	$(shell sed -n 's/^fallback_version = "\(.*\)"/\1/p' pyproject.toml))
FILL_IN = sed -e 's/@VERSION@/$(VERSION)/' -e 's,@PREFIX@,../..,' -e 's,@LIBS@,-L$${prefix}/lib -lplanesched -lm,'
INTO = $(DESTDIR)$(PREFIX)

build/lib/%.o: csrc/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

build/lib/libplanesched.a: $(LIB_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $(LIB_OBJECTS)

lib: build/lib/libplanesched.a  ## Build the static library

install: lib  ## Install library, headers, CMake and pkg-config files under PREFIX
	mkdir -p $(INTO)/include/planesched $(INTO)/lib/cmake/planesched $(INTO)/lib/pkgconfig
	install -m 644 planesched/include/planesched/*.h $(INTO)/include/planesched
	install -m 644 build/lib/libplanesched.a $(INTO)/lib
	install -m 644 planesched/cmake/planeschedConfig.cmake $(INTO)/lib/cmake/planesched
	$(FILL_IN) planesched/cmake/planeschedConfigVersion.cmake.in > \
		$(INTO)/lib/cmake/planesched/planeschedConfigVersion.cmake
	$(FILL_IN) planesched/pkgconfig/planesched.pc.in > $(INTO)/lib/pkgconfig/planesched.pc

clean:  ## Remove everything that was built
	rm -rf build dist *.egg-info .venv .venv-debug planesched/_version.py
	rm -f planesched/cmake/planeschedConfigVersion.cmake planesched/pkgconfig/planesched.pc
	find planesched -name '*.so' -delete

# Which headers each file includes, as the compilers wrote it down.
-include $(wildcard build/ctest/*.d build/ctest/*/*/*.d build/lib/*/*.d)
