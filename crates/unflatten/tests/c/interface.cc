// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* The class as programs in C++ use it: interface IMAGE, the one of examples/harness. */
#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <vector>

#include <unflatten.hpp>

#define CHECK(condition)                                                              \
	do {                                                                          \
		if (!(condition)) {                                                   \
			std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			std::exit(1);                                                 \
		}                                                                     \
	} while (0)

static_assert(!std::is_copy_constructible<Unflatten>::value, "one owner");
static_assert(std::is_nothrow_move_constructible<Unflatten>::value, "for containers");
static_assert(std::is_nothrow_move_assignable<Unflatten>::value, "for containers");

struct file {
	char bytes[184];
};

static uintptr_t resolve(const char *)
{
	return 0x1234;
}

static Unflatten loaded(FILE *stream, bool continuous)
{
	Unflatten image;

	CHECK(image.load(stream, resolve, continuous) == UNFLATTEN_OK);
	image.check();
	return image;
}

int main(int argc, char **argv)
{
	FILE *stream = argc > 1 ? std::fopen(argv[1], "rb") : nullptr;

	CHECK(stream);
	for (bool continuous : { false, true }) {
		Unflatten image = loaded(stream, continuous);
		size_t size = 0;
		file *root = image.root<file>("file");

		CHECK(root && image.get_named_root("file", &size) == root && size == sizeof(*root));
		CHECK(image.get_next_root() == root && image.get_seq_root(0) == root);
		CHECK(!image.get_named_root("inode"));

		root->bytes[0] ^= 1;
		CHECK(image.reset() == UNFLATTEN_OK);

		/* A moved image stays where it is. */
		std::vector<Unflatten> images;
		images.push_back(std::move(image));
		images.emplace_back();
		CHECK(images[0].root<file>("file") == root);
		CHECK(image.load(stream) == UNFLATTEN_INVALID_ARGUMENT);
		image = std::move(images[0]);
		CHECK(image.root<file>("file") == root);

		unflatten_object object;
		uint64_t address;
		CHECK(image.object_at(root, object) == UNFLATTEN_OK);
		CHECK(std::string(object.type_name) == "struct file");
		CHECK(image.original_address(root, address) == UNFLATTEN_OK);
		CHECK(image.pointer_at(address) == root);
		CHECK(image.replace_variable(root, root, 1) == 0);
		image.unload();
		CHECK(!image.root<file>("file"));
	}

	Unflatten image;
	image.load(nullptr);
	try {
		image.check();
		CHECK(!"thrown");
	} catch (const Unflatten::Error &error) {
		CHECK(error.status() == UNFLATTEN_INVALID_ARGUMENT);
		CHECK(std::string(error.what()) ==
		      Unflatten::explain_status(UNFLATTEN_INVALID_ARGUMENT));
	}
	std::fclose(stream);
	return 0;
}
