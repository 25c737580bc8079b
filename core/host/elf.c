/* elf.c - program headers, the dynamic section, its strings; every offset from the file is held against the
 * file's size. */
#include "host/elf.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "herald/kit.h"
#include "base/check.h"

enum { HEADERS_MAX = 128, DYNAMIC_BYTES_MAX = 64 * 1024, PATH_BYTES = 4096 };

struct image {
	int fd;
	off_t bytes;
	ElfW(Phdr) headers[HEADERS_MAX];
	size_t count;
};

static bool read_at(const struct image *image, ElfW(Off) offset, void *ret_data, size_t size)
{
	return (off_t)offset >= 0 && (off_t)offset <= image->bytes &&
	       (off_t)size <= image->bytes - (off_t)offset &&
	       pread(image->fd, ret_data, size, (off_t)offset) == (ssize_t)size;
}

static bool image_open(struct image *image, int fd)
{
	ElfW(Ehdr) head;
	struct stat status;

	image->fd = fd;
	if (fstat(fd, &status) < 0)
		return false;
	image->bytes = status.st_size;
	if (!read_at(image, 0, &head, sizeof(head)) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    head.e_type != ET_DYN || head.e_phentsize != sizeof(image->headers[0]) ||
	    head.e_phnum > HEADERS_MAX)
		return false;
	image->count = head.e_phnum;
	return read_at(image, head.e_phoff, image->headers, image->count * sizeof(image->headers[0]));
}

/* Where in the file is what will stand at this address? */
static bool file_offset(const struct image *image, ElfW(Addr) address, ElfW(Off) * ret_offset)
{
	for (size_t i = 0; i < image->count; i++) {
		const ElfW(Phdr) *header = &image->headers[i];

		if (header->p_type != PT_LOAD || address < header->p_vaddr ||
		    address - header->p_vaddr >= header->p_filesz)
			continue;
		*ret_offset = header->p_offset + (address - header->p_vaddr);
		return true;
	}
	return false;
}

static const ElfW(Phdr) * dynamic_of(const struct image *image)
{
	for (size_t i = 0; i < image->count; i++)
		if (image->headers[i].p_type == PT_DYNAMIC && image->headers[i].p_filesz <= DYNAMIC_BYTES_MAX)
			return &image->headers[i];
	return NULL;
}

static bool string_at(const struct image *image, ElfW(Off) strings, ElfW(Xword) index,
		      char ret_text[PATH_BYTES])
{
	ElfW(Off) offset = strings + index;
	off_t left = (off_t)offset >= 0 && (off_t)offset < image->bytes ? image->bytes - (off_t)offset : 0;
	size_t size = left < PATH_BYTES ? (size_t)left : PATH_BYTES;

	return size > 0 && read_at(image, offset, ret_text, size) && memchr(ret_text, '\0', size);
}

enum herald_code elf_search_path(int fd, struct arena *arena, const char **ret_path, struct herald_error *err)
{
	struct image *image = arena_new_of(arena, struct image);
	const ElfW(Phdr) * dynamic;
	ElfW(Off) strings = 0;
	ElfW(Xword) index = 0;
	bool has_path = false;

	if (!image_open(image, fd) || !(dynamic = dynamic_of(image)))
		return herald_fail(err, HERALD_INVALID, "it is not a shared object of this machine");
	size_t count = dynamic->p_filesz / sizeof(ElfW(Dyn));
	ElfW(Dyn) *entries = arena_array(arena, count + 1, sizeof(*entries));
	if (!read_at(image, dynamic->p_offset, entries, count * sizeof(*entries)))
		return herald_fail(err, HERALD_INVALID, "its dynamic section lies beyond its end");
	for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
		if (entries[i].d_tag == DT_STRTAB && !file_offset(image, entries[i].d_un.d_ptr, &strings))
			return herald_fail(err, HERALD_INVALID, "its strings lie beyond its end");
		if (entries[i].d_tag == DT_RPATH || entries[i].d_tag == DT_RUNPATH) {
			index = entries[i].d_un.d_val;
			has_path = true;
		}
	}
	char *path = arena_alloc(arena, PATH_BYTES);
	if (has_path && !string_at(image, strings, index, path))
		return herald_fail(err, HERALD_INVALID, "its search path lies beyond its end");
	*ret_path = path;
	return HERALD_OK;
}
