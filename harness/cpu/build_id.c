/* The note that the linker leaves (--build-id, on by default in Debian's compilers) is in memory
 * with the program. */
#include "harness/cpu/build_id.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void hex_of(const uint8_t *bytes, size_t n, char *hex) {
    *hex = 0;
    for (size_t i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static size_t padded(size_t n) {
    return (n + 3) / 4 * 4;
}

/* A segment of notes: each a head, a name and a text, the two padded to words. */
static bool notes_search(const uint8_t *at, size_t left, char *hex) {
    ElfW(Nhdr) note;
    while (left >= sizeof note) {
        memcpy(&note, at, sizeof note);
        size_t whole = sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
        if (whole > left)
            return false;
        const uint8_t *name = at + sizeof note, *text = name + padded(note.n_namesz);
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(name, "GNU", 4) == 0 &&
            note.n_descsz > 0 && note.n_descsz <= (BUILD_ID_HEX - 1) / 2) {
            hex_of(text, note.n_descsz, hex);
            return true;
        }
        at += whole;
        left -= whole;
    }
    return false;
}

static bool holds(const struct dl_phdr_info *object, uintptr_t address) {
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &object->dlpi_phdr[i];
        uintptr_t begin = object->dlpi_addr + h->p_vaddr;
        if (h->p_type == PT_LOAD && address >= begin && address < begin + h->p_memsz)
            return true;
    }
    return false;
}

static int object_look(struct dl_phdr_info *object, size_t size, void *arg) {
    static const char here = 0;
    char *hex = arg;
    (void)size;
    if (!holds(object, (uintptr_t)&here))
        return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &object->dlpi_phdr[i];
        if (h->p_type == PT_NOTE &&
            notes_search((const uint8_t *)(object->dlpi_addr + h->p_vaddr), h->p_memsz, hex))
            break;
    }
    return 1;
}

bool build_id(char hex[BUILD_ID_HEX]) {
    *hex = 0;
    dl_iterate_phdr(object_look, hex);
    return *hex != 0;
}
