/* Files in the flash memory. The simulator has it in L3 beyond the RAM, as its Python side writes it: entries of a name,
 * place and size, then the files; an empty name is the end.
 */
#include "bsp/fs.h"
#include "bsp/ram.h"
#include "bt_registers.h"

enum { NAME_BYTES = 56, FILES = 4 };

static struct entry {
    char name[NAME_BYTES];
    uint32_t begin;
    uint32_t size;
} entry;
static pi_fs_file_t files[FILES];

int32_t pi_fs_mount(pi_device_t *device)
{
    pi_ram_read(device, BT_FLASH_BASE, &entry, sizeof entry);
    return entry.name[0] == 0;
}

void pi_fs_unmount(pi_device_t *device) { (void)device; }

static pi_fs_file_t *free_file(void)
{
    for (int index = 0; index < FILES; index++) {
        if (files[index].begin == 0)
            return &files[index];
    }
    return NULL;
}

pi_fs_file_t *pi_fs_open(pi_device_t *device, const char *name, int flags)
{
    pi_fs_file_t *file = free_file();
    (void)flags;
    for (uint32_t at = BT_FLASH_BASE; file; at += sizeof entry) {
        pi_ram_read(device, at, &entry, sizeof entry);
        if (entry.name[0] == 0)
            return NULL;
        if (strcmp(entry.name, name) == 0) {
            file->begin = BT_FLASH_BASE + entry.begin;
            file->size = entry.size;
            file->at = 0;
            return file;
        }
    }
    return NULL;
}

void pi_fs_close(pi_fs_file_t *file) { file->begin = 0; }

/* Whole words are read; the flash's files have room behind them, and so must the caller's buffer. */
int32_t pi_fs_read(pi_fs_file_t *file, void *data, uint32_t size)
{
    uint32_t left = file->size - file->at, bytes = size < left ? size : left;
    if (bytes)
        pi_ram_read(NULL, file->begin + file->at, data, (bytes + 3) & ~3u);
    file->at += bytes;
    return (int32_t)bytes;
}
