// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * The same as a harness for libFuzzer (and AFL++, by afl-clang-fast++ -fsanitize=fuzzer):
 * the input is what a rename may leave behind in the names on the way to the root.
 * The image is that of the environment variable IMAGE.
 */
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include <unflatten.hpp>

#include "path.h"

namespace
{

/* One image for all runs. */
struct Subject {
	Unflatten image;
	struct file *file = nullptr;
	std::string path;

	Subject()
	{
		const char *name = getenv("IMAGE");
		std::unique_ptr<FILE, int (*)(FILE *)> stream(fopen(name ? name : "open_file.img", "rb"),
							      fclose);

		image.load(stream.get());
		image.check();
		file = image.root<struct file>("file");
		path = path_of_file(4096);
	}

	/* In a block of that size, so that AddressSanitizer sees its bounds too. */
	std::string path_of_file(size_t size)
	{
		std::unique_ptr<char[]> buffer(new char[size]);
		const char *found = path_of(file, buffer.get(), size);

		return found ? found : "";
	}
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Subject subject;
	struct dentry *dentry = subject.file->f_path.dentry;

	if (size < 2)
		return 0;
	size_t room = data[0] | data[1] << 8;
	for (data += 2, size -= 2; size >= 4; data += 4, size -= 4) {
		memcpy(&dentry->d_name.len, data, 4);
		dentry = dentry->d_parent;
	}
	subject.path_of_file(room);

	/* As it was, for the next run. */
	if (subject.image.reset() != UNFLATTEN_OK || subject.path_of_file(4096) != subject.path)
		abort();
	return 0;
}
