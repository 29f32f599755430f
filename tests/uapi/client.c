// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * A client as others write it: C, and nothing but kflat_uapi.h.
 *
 * Walks the simplified flow of the kernel API, then a table of wrong uses.
 * The recipe `vfs_read` must be loaded. Prints "test NAME ... ok" lines.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kflat_uapi.h"

#define AREA_SIZE (4UL << 20)
#define RECIPE "vfs_read"
#define IMAGE_MAGIC 0x004e455454414c46ULL

static int passed, failed;
static char reason[256];

/* Notes why the running test fails; the first reason stays. */
static int fail(const char *format, ...)
{
	va_list args;

	if (!reason[0]) {
		va_start(args, format);
		vsnprintf(reason, sizeof(reason), format, args);
		va_end(args);
	}
	return -1;
}

static int open_device(void)
{
	int fd = open(KFLAT_DEVICE_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail("open %s: %s", KFLAT_DEVICE_PATH, strerror(errno));
	return fd;
}

static void *map_area(int fd)
{
	void *area = mmap(NULL, AREA_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);

	if (area == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	return area;
}

static struct kflat_ioctl_enable enable_for(const char *name, pid_t pid)
{
	struct kflat_ioctl_enable enable;

	memset(&enable, 0, sizeof(enable));
	strncpy(enable.target_name, name, sizeof(enable.target_name) - 1);
	enable.pid = pid;
	return enable;
}

/* Calls vfs_read() in this process. */
static void trigger(void)
{
	char byte;
	int fd = open("/proc/self/status", O_RDONLY);

	if (fd < 0 || read(fd, &byte, 1) != 1)
		fail("the target function could not be called");
	close(fd);
}

/* An ioctl that must end with `expected` (0: success). */
static void expect(int expected, int fd, unsigned long command, void *argument, const char *what)
{
	int result = ioctl(fd, command, argument);
	int error = result < 0 ? errno : 0;

	if (error != expected)
		fail("%s: %s instead of %s", what, strerrorname_np(error), strerrorname_np(expected));
}

static void check_image(const void *area)
{
	uint64_t header[13];

	memcpy(header, area, sizeof(header));
	if (header[0] != IMAGE_MAGIC)
		fail("the area does not begin with the image's magic");
	else if (header[1] != 2)
		fail("the image's version is not 2");
	else if (header[4] <= sizeof(header) || header[4] > AREA_SIZE)
		fail("image_size %llu is absurd", (unsigned long long)header[4]);
	else if (header[5] == 0)
		fail("the image holds no memory");
}

static void simplified_flow(void)
{
	int fd = open_device();
	void *area = map_area(fd);
	struct kflat_ioctl_enable enable = enable_for(RECIPE, getpid());

	expect(0, fd, KFLAT_PROC_ENABLE, &enable, "enable");
	trigger();
	expect(0, fd, KFLAT_PROC_DISABLE, NULL, "disable");
	check_image(area);
	munmap(area, AREA_SIZE);
	close(fd);
}

static void poll_then_report(void)
{
	int fd = open_device();
	void *area = map_area(fd);
	struct pollfd waiting = { .fd = fd, .events = POLLIN };
	struct kflat_ioctl_enable enable = enable_for(RECIPE, getpid());
	struct kflat_ioctl_disable report;

	for (int round = 0; round < 2; round++) {
		expect(0, fd, KFLAT_PROC_ENABLE, &enable, "enable");
		if (*(volatile uint64_t *)area)
			fail("round %d: enable left an earlier header", round);
		if (poll(&waiting, 1, 0) != 0)
			fail("round %d: ready before the hit (revents %#x)", round, waiting.revents);
		trigger();
		if (poll(&waiting, 1, 10000) != 1 || !(waiting.revents & POLLIN))
			fail("round %d: not ready after the hit (revents %#x)", round, waiting.revents);
		memset(&report, 0xff, sizeof(report));
		expect(0, fd, KFLAT_PROC_DISABLE, &report, "disable");
		if (report.invoked != 1 || report.error != 0 || report.size == 0)
			fail("round %d: invoked %d, error %d, size %zu", round, report.invoked,
			     report.error, report.size);
		check_image(area);
	}
	munmap(area, AREA_SIZE);
	close(fd);
}

static void not_invoked(void)
{
	int fd = open_device();
	void *area = map_area(fd);
	struct kflat_ioctl_enable enable;
	struct kflat_ioctl_disable report;
	pid_t other = fork();

	if (other == 0) {
		pause();
		_exit(0);
	}
	enable = enable_for(RECIPE, other);
	expect(0, fd, KFLAT_PROC_ENABLE, &enable, "enable for another process");
	trigger();
	expect(0, fd, KFLAT_PROC_DISABLE, &report, "disable");
	if (report.invoked || report.size || report.error)
		fail("invoked %d, error %d, size %zu by a process that was not meant",
		     report.invoked, report.error, report.size);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	munmap(area, AREA_SIZE);
	close(fd);
}

static void names_ignore_case(void)
{
	int fd = open_device();
	void *area = map_area(fd);
	struct kflat_ioctl_enable enable = enable_for("VFS_Read", getpid());

	expect(0, fd, KFLAT_PROC_ENABLE, &enable, "enable in capitals");
	expect(0, fd, KFLAT_PROC_DISABLE, NULL, "disable");
	munmap(area, AREA_SIZE);
	close(fd);
}

static void run_now(void)
{
	int fd = open_device();
	void *area = map_area(fd);
	struct kflat_ioctl_enable enable = enable_for(RECIPE, 0);
	struct kflat_ioctl_disable report;

	enable.run_recipe_now = 1;
	expect(0, fd, KFLAT_PROC_ENABLE, &enable, "enable with run_recipe_now");
	expect(0, fd, KFLAT_PROC_DISABLE, &report, "disable");
	if (report.invoked != 1 || report.size == 0)
		fail("invoked %d, size %zu", report.invoked, report.size);
	munmap(area, AREA_SIZE);
	close(fd);
}

static void recipes_are_listed(void)
{
	static char names[4096];
	int fd = open_device();
	int used = ioctl(fd, KFLAT_GET_LOADED_RECIPES, names);
	int found = 0;

	for (const char *name = names; name < names + used && *name; name += strlen(name) + 1)
		found |= !strcmp(name, RECIPE);
	if (!found)
		fail("%s is not among the recipes (%d bytes)", RECIPE, used);
	for (int i = used > 0 ? used : 0; i < (int)sizeof(names); i++)
		if (names[i])
			fail("byte %d behind the names is not zero", i);
	close(fd);
}

static void memory_map_is_sorted(void)
{
	int fd = open_device();
	size_t size = 16UL << 20;
	unsigned char *buffer = malloc(size);
	struct kflat_ioctl_mem_map map = { .buffer = buffer, .size = size };
	uint64_t previous = 0;
	uint32_t count = 0;

	expect(0, fd, KFLAT_MEMORY_MAP, &map, "memory map");
	memcpy(&count, buffer, 4);
	if (count == 0)
		fail("the memory map is empty");
	for (uint32_t i = 0; i < count && !reason[0]; i++) {
		uint64_t range[2];

		memcpy(range, buffer + 4 + 16UL * i, 16);
		if (range[0] >= range[1] || range[0] <= previous)
			fail("range %u is out of order", i);
		previous = range[1];
	}
	free(buffer);
	close(fd);
}

static void seeking_is_refused(void)
{
	int fd = open_device();

	if (lseek(fd, 0, SEEK_SET) != -1 || errno != ESPIPE)
		fail("the device is seekable");
	close(fd);
}

/* Each wrong use, in the state it is wrong in. */
static void wrong_without_area(void)
{
	int fd = open_device();
	struct kflat_ioctl_enable enable = enable_for(RECIPE, 0);
	struct kflat_ioctl_tests tests = { .test_name = "no such test" };
	struct kflat_ioctl_disable report;
	struct pollfd waiting = { .fd = fd, .events = POLLIN };

	expect(EINVAL, fd, KFLAT_PROC_ENABLE, &enable, "enable without an area");
	expect(EINVAL, fd, KFLAT_TESTS, &tests, "a test without an area");
	expect(EINVAL, fd, KFLAT_PROC_DISABLE, &report, "disable while nothing is enabled");
	if (poll(&waiting, 1, 0) != 1 || !(waiting.revents & POLLERR))
		fail("poll without an area does not report POLLERR");
	close(fd);
}

static void wrong_commands(void)
{
	int fd = open_device();

	expect(ENOTTY, fd, _IO('k', 1), NULL, "an unknown number");
	expect(ENOTTY, fd, _IO('x', 2), NULL, "another driver's type");
	expect(ENOTTY, fd, _IOR('k', 2, struct kflat_ioctl_enable), NULL, "the wrong direction");
	close(fd);
}

static void wrong_pointers(void)
{
	int fd = open_device();
	void *area = map_area(fd);
	struct kflat_ioctl_enable enable = enable_for(RECIPE, getpid());
	struct kflat_ioctl_mem_map map = { .buffer = (void *)8, .size = 1 << 24 };
	struct kflat_ioctl_disable report;
	void *bad = (void *)8;

	expect(EFAULT, fd, KFLAT_PROC_ENABLE, bad, "enable");
	expect(EFAULT, fd, KFLAT_TESTS, bad, "tests");
	expect(EFAULT, fd, KFLAT_MEMORY_MAP, bad, "memory map");
	expect(EFAULT, fd, KFLAT_MEMORY_MAP, &map, "memory map's buffer");
	expect(EFAULT, fd, KFLAT_GET_LOADED_RECIPES, bad, "loaded recipes");
	expect(EFAULT, fd, KFLAT_RECIPE_LOAD, bad, "load");
	expect(0, fd, KFLAT_PROC_ENABLE, &enable, "enable");
	expect(EFAULT, fd, KFLAT_PROC_DISABLE, bad, "disable");
	expect(0, fd, KFLAT_PROC_DISABLE, &report, "disable after EFAULT: the recipe stays enabled");
	munmap(area, AREA_SIZE);
	close(fd);
}

static void wrong_enables(void)
{
	int fd = open_device(), other = open_device();
	void *area = map_area(fd), *other_area = map_area(other);
	struct kflat_ioctl_enable none = enable_for("", 0);
	struct kflat_ioctl_enable unknown = enable_for("no_such_recipe", 0);
	struct kflat_ioctl_enable nobody = enable_for(RECIPE, 0x3fffffff);
	struct kflat_ioctl_enable enable = enable_for(RECIPE, getpid());
	struct kflat_ioctl_tests tests = { .test_name = "whatever" };
	struct kflat_recipe_unload unload = { .size = sizeof(unload), .name = RECIPE };

	expect(EINVAL, fd, KFLAT_PROC_ENABLE, &none, "an empty name");
	expect(ENOENT, fd, KFLAT_PROC_ENABLE, &unknown, "an unknown recipe");
	expect(ESRCH, fd, KFLAT_PROC_ENABLE, &nobody, "an unknown process");
	expect(ENOENT, fd, KFLAT_TESTS, &tests, "an unknown test");
	expect(0, fd, KFLAT_PROC_ENABLE, &enable, "enable");
	expect(EBUSY, fd, KFLAT_PROC_ENABLE, &enable, "enable twice");
	expect(EBUSY, fd, KFLAT_TESTS, &tests, "a test while enabled");
	expect(EBUSY, other, KFLAT_PROC_ENABLE, &enable, "the same process from another session");
	expect(EBUSY, other, KFLAT_RECIPE_UNLOAD, &unload, "unload while enabled");
	expect(0, fd, KFLAT_PROC_DISABLE, NULL, "disable");
	expect(0, other, KFLAT_PROC_ENABLE, &enable, "enable from the other session then");
	expect(0, other, KFLAT_PROC_DISABLE, NULL, "disable there");
	munmap(area, AREA_SIZE);
	munmap(other_area, AREA_SIZE);
	close(fd);
	close(other);
}

static void wrong_buffers(void)
{
	int fd = open_device();
	unsigned char small[4];
	struct kflat_ioctl_mem_map map = { .buffer = small, .size = sizeof(small) };
	struct kflat_recipe_unload unload = { .size = sizeof(unload), .name = "no_such_recipe" };
	struct kflat_recipe_load load = { .size = sizeof(load), .flags = 1 };
	static const char nonsense[64] = "not a program";

	expect(ENOSPC, fd, KFLAT_MEMORY_MAP, &map, "memory map into four bytes");
	expect(ENOENT, fd, KFLAT_RECIPE_UNLOAD, &unload, "unload an unknown recipe");
	expect(EINVAL, fd, KFLAT_RECIPE_LOAD, &load, "load with unknown flags");
	load.flags = 0;
	load.program = (uintptr_t)nonsense;
	load.program_size = sizeof(nonsense);
	expect(EINVAL, fd, KFLAT_RECIPE_LOAD, &load, "load nonsense");
	if (load.rejection == 0)
		fail("a rejected program does not say why");
	load.program_size = 1UL << 40;
	expect(EFBIG, fd, KFLAT_RECIPE_LOAD, &load, "load a terabyte");
	close(fd);
}

static void expect_map(int expected, int fd, size_t size, int protection, int flags, long page,
		       const char *what)
{
	void *area = mmap(NULL, size, protection, flags, fd, page * getpagesize());
	int error = area == MAP_FAILED ? errno : 0;

	if (!error)
		munmap(area, size);
	if (error != expected)
		fail("%s: %s instead of %s", what, strerrorname_np(error), strerrorname_np(expected));
}

static void wrong_mappings(void)
{
	int fd = open_device();
	void *area;

	expect_map(EINVAL, fd, AREA_SIZE, PROT_READ, MAP_PRIVATE, 2, "page offset 2");
	expect_map(EPERM, fd, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, "a writable area");
	expect_map(EPERM, fd, AREA_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0, "an executable area");
	expect_map(EPERM, fd, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 1, "a writable dump");
	expect_map(ENOMEM, fd, 1UL << 44, PROT_READ, MAP_PRIVATE, 0, "an area of 16 TiB");
	area = map_area(fd);
	for (size_t i = 0; i < AREA_SIZE / 8; i++)
		if (((uint64_t *)area)[i])
			return (void)fail("the new area is not zero");
	expect_map(EBUSY, fd, AREA_SIZE, PROT_READ, MAP_PRIVATE, 0, "a second area");
	if (mprotect(area, AREA_SIZE, PROT_READ | PROT_WRITE) != -1)
		fail("mprotect made the area writable");
	if (mprotect(area, AREA_SIZE, PROT_READ | PROT_EXEC) != -1)
		fail("mprotect made the area executable");
	munmap(area, AREA_SIZE);
	close(fd);
}

static void area_outlives_the_session(void)
{
	int fd = open_device();
	void *area = map_area(fd);
	struct kflat_ioctl_enable enable = enable_for(RECIPE, getpid());

	expect(0, fd, KFLAT_PROC_ENABLE, &enable, "enable");
	trigger();
	expect(0, fd, KFLAT_PROC_DISABLE, NULL, "disable");
	close(fd);
	check_image(area);
	munmap(area, AREA_SIZE);
}

static void close_while_enabled(void)
{
	struct kflat_ioctl_enable enable = enable_for(RECIPE, getpid());

	for (int round = 0; round < 20; round++) {
		int fd = open_device();
		void *area = map_area(fd);

		expect(0, fd, KFLAT_PROC_ENABLE, &enable, "enable");
		if (round % 2)
			trigger();
		close(fd);
		munmap(area, AREA_SIZE);
	}
	trigger();
}

static void death_while_enabled(void)
{
	pid_t child = fork();

	if (child == 0) {
		int fd = open_device();
		struct kflat_ioctl_enable enable = enable_for(RECIPE, getpid());

		map_area(fd);
		expect(0, fd, KFLAT_PROC_ENABLE, &enable, "enable");
		if (reason[0])
			_exit(1);
		raise(SIGKILL);
	}
	int status;

	waitpid(child, &status, 0);
	if (!WIFSIGNALED(status))
		fail("the child could not enable the recipe");
}

static void unprivileged_open(void)
{
	pid_t child = fork();

	if (child == 0) {
		/* The file's mode says no before the capability does. */
		if (setresgid(1, 1, 1) || setresuid(1, 1, 1))
			_exit(2);
		int fd = open(KFLAT_DEVICE_PATH, O_RDONLY);

		_exit(fd < 0 && (errno == EPERM || errno == EACCES) ? 0 : 1);
	}
	int status;

	waitpid(child, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail("an unprivileged process was let in (status %#x)", status);
}

static const struct {
	const char *name;
	void (*run)(void);
} stories[] = {
	{ "simplified_flow", simplified_flow },
	{ "poll_then_report", poll_then_report },
	{ "not_invoked", not_invoked },
	{ "names_ignore_case", names_ignore_case },
	{ "run_now", run_now },
	{ "recipes_are_listed", recipes_are_listed },
	{ "memory_map_is_sorted", memory_map_is_sorted },
	{ "seeking_is_refused", seeking_is_refused },
	{ "wrong_without_area", wrong_without_area },
	{ "wrong_commands", wrong_commands },
	{ "wrong_pointers", wrong_pointers },
	{ "wrong_enables", wrong_enables },
	{ "wrong_buffers", wrong_buffers },
	{ "wrong_mappings", wrong_mappings },
	{ "area_outlives_the_session", area_outlives_the_session },
	{ "close_while_enabled", close_while_enabled },
	{ "death_while_enabled", death_while_enabled },
	{ "unprivileged_open", unprivileged_open },
};

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		reason[0] = 0;
		fflush(stdout);
		stories[i].run();
		printf("test uapi::%s ... %s\n", stories[i].name, reason[0] ? "FAILED" : "ok");
		if (reason[0]) {
			printf("    %s\n", reason);
			failed++;
		} else {
			passed++;
		}
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
