/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
/*
 * The class over libunflatten (link with -lunflatten), for C++11 and later. C code that
 * includes this file gets unflatten.h.
 */
#ifndef UNFLATTEN_HPP
#define UNFLATTEN_HPP

#include "unflatten.h"

#ifdef __cplusplus

#include <new>
#include <stdexcept>
#include <string>
#include <utility>

/* A loaded image. It can be moved, not copied; the last owner unloads it. */
class Unflatten {
public:
	/* An image that could not be loaded; what() says why. */
	class Error : public std::runtime_error {
	public:
		Error(UnflattenStatus status, const std::string &what)
			: std::runtime_error(what), status_(status)
		{
		}

		UnflattenStatus status() const noexcept
		{
			return status_;
		}

	private:
		UnflattenStatus status_;
	};

	/* Without an image. From level 1 on, what is done is told on stderr. */
	explicit Unflatten(int level = 0) : handle_(unflatten_init(level))
	{
		if (!handle_)
			throw std::bad_alloc();
	}

	~Unflatten()
	{
		unflatten_deinit(handle_);
	}

	Unflatten(const Unflatten &) = delete;
	Unflatten &operator=(const Unflatten &) = delete;

	/* What was moved from holds no image, and can't load one. */
	Unflatten(Unflatten &&other) noexcept : handle_(other.handle_)
	{
		other.handle_ = nullptr;
	}

	Unflatten &operator=(Unflatten &&other) noexcept
	{
		std::swap(handle_, other.handle_);
		return *this;
	}

	/*
	 * Loads an image in place of the one that was loaded: each fragment as an
	 * allocation of its own, or in one piece.
	 */
	UnflattenStatus load(FILE *file, get_function_address_t resolver = nullptr,
			     bool continuous = false)
	{
		return continuous ? unflatten_load_continuous(handle_, file, resolver)
				  : unflatten_load(handle_, file, resolver);
	}

	/* As it was linked, if its address is free; trusts the file. */
	UnflattenStatus load_prelinked(FILE *file, get_function_address_t resolver = nullptr)
	{
		return unflatten_load_prelinked(handle_, file, resolver);
	}

	void unload() noexcept
	{
		unflatten_unload(handle_);
	}

	/* Throws Error unless the last call went well: image.load(file); image.check(); */
	void check() const
	{
		UnflattenStatus status = unflatten_last_status(handle_);

		if (status != UNFLATTEN_OK)
			throw Error(status, unflatten_last_error(handle_));
	}

	/* Back to the state after the load. */
	UnflattenStatus reset()
	{
		return unflatten_reset(handle_);
	}

	UnflattenStatus set_poison(uintptr_t poison)
	{
		return unflatten_set_poison(handle_, poison);
	}

	/* Roots: nullptr if there is none such or it was NULL. */
	void *get_next_root()
	{
		return unflatten_root_pointer_next(handle_);
	}

	void *get_seq_root(size_t index)
	{
		return unflatten_root_pointer_seq(handle_, index);
	}

	void *get_named_root(const char *name, size_t *size = nullptr)
	{
		return unflatten_root_pointer_named(handle_, name, size);
	}

	/* The root of that name as what it is: image.root<struct file>("file"). */
	template <typename T> T *root(const char *name)
	{
		return static_cast<T *>(get_named_root(name));
	}

	size_t root_count() const
	{
		return unflatten_root_count(handle_);
	}

	void mark_freed(void *pointer)
	{
		unflatten_mark_freed(handle_, pointer);
	}

	ssize_t replace_variable(void *old_memory, void *new_memory, size_t size)
	{
		return unflatten_replace_variable(handle_, old_memory, new_memory, size);
	}

	/* Prints to stdout what is in an image: all of it, whatever part is asked for. */
	UnflattenStatus info(FILE *file, const char * /* part */ = nullptr)
	{
		return unflatten_imginfo(handle_, file);
	}

	/* Objects, and where they were in the kernel. */
	size_t object_count() const
	{
		return unflatten_object_count(handle_);
	}

	UnflattenStatus object(size_t index, unflatten_object &object)
	{
		return unflatten_get_object(handle_, index, &object, sizeof(object));
	}

	UnflattenStatus object_at(const void *pointer, unflatten_object &object)
	{
		return unflatten_object_at(handle_, pointer, &object, sizeof(object));
	}

	UnflattenStatus original_address(const void *pointer, uint64_t &address)
	{
		return unflatten_original_address(handle_, pointer, &address);
	}

	void *pointer_at(uint64_t address)
	{
		return unflatten_pointer_at(handle_, address);
	}

	UnflattenStatus last_status() const
	{
		return unflatten_last_status(handle_);
	}

	const char *last_error() const
	{
		return unflatten_last_error(handle_);
	}

	static const char *explain_status(UnflattenStatus status)
	{
		return unflatten_explain_status(status);
	}

	/* For the functions of unflatten.h. */
	CUnflatten handle() const noexcept
	{
		return handle_;
	}

private:
	CUnflatten handle_;
};

#endif /* __cplusplus */
#endif /* UNFLATTEN_HPP */
