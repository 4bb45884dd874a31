/* box init: a directory as one stream of bytes, and back. See box.h.
 *
 * Only box reads what box wrote: the host keeps it without looking into it, so no name that a program
 * chose ever exists there. The stream is a list of entries, each with its name and its content behind it;
 * those between DIRECTORY and UP are in that directory, and END says that all of it is there.
 *
 * Kept are regular files, executable or not, directories, and symbolic links as links: builds make them
 * (libx.so), and nothing here ever follows one. Left out are hard links' being one, other modes, and what
 * the program itself could not open now. */
#include "box.h"

#include <dirent.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 64, PAGE = 4096 };

enum { END = 'e', UP = 'u', DIRECTORY = 'd', PLAIN = 'f', EXECUTABLE = 'x', LINK = 'l' };

struct entry {
    uint8_t kind;
    uint16_t name_length;
    uint64_t size; /* of the content: a file's bytes, a link's target */
};

/* ---- Packing: nothing else is alive, so nothing changes under us */

static struct {
    int to;
    int64_t room, written;
    DIR *levels[MAX_DEPTH];
    int depth;
} packing;

static int put(const void *data, size_t size) {
    const char *rest = data;
    while (size) {
        ssize_t n = write(packing.to, rest, size);
        if (n <= 0) return -1;
        rest += n;
        size -= (size_t)n;
        packing.written += n;
    }
    return 0;
}

/* An entry counts as the pages it will take when it is unpacked, one at least: so the bound on bytes is
 * one on entries as well. */
static int put_entry(int kind, const char *name, uint64_t size) {
    struct entry entry = {.kind = (uint8_t)kind, .name_length = (uint16_t)strlen(name), .size = size};
    uint64_t whole = sizeof entry + entry.name_length + size;
    if (size > (uint64_t)packing.room) return -1;
    packing.room -= (int64_t)((whole + PAGE - 1) / PAGE * PAGE);
    if (packing.room < 0) return -1;
    return put(&entry, sizeof entry) || put(name, entry.name_length) ? -1 : 0;
}

static int put_content(int fd, int64_t size) {
    while (size) {
        ssize_t n = sendfile(packing.to, fd, NULL, (size_t)size);
        if (n <= 0) return -1;
        size -= n;
        packing.written += n;
    }
    return 0;
}

static int pack_link(int directory, const char *name) {
    char target[PATH_MAX];
    ssize_t length = readlinkat(directory, name, target, sizeof target);
    if (length <= 0 || length == sizeof target) return 0;
    return put_entry(LINK, name, (uint64_t)length) || put(target, (size_t)length) ? -1 : 0;
}

static int pack_file(int fd, const char *name, const struct stat *info) {
    int kind = info->st_mode & S_IXUSR ? EXECUTABLE : PLAIN;
    return put_entry(kind, name, (uint64_t)info->st_size) || put_content(fd, info->st_size) ? -1 : 0;
}

static int enter(int fd, const char *name) {
    if (packing.depth == MAX_DEPTH || put_entry(DIRECTORY, name, 0)) return -1;
    DIR *directory = fdopendir(fd);
    if (!directory) return -1;
    packing.levels[packing.depth++] = directory;
    return 0;
}

static int leave(void) {
    closedir(packing.levels[--packing.depth]);
    return packing.depth ? put_entry(UP, "", 0) : 0;
}

/* 0, or -1 when it is too much. */
static int pack_entry(int directory, const char *name) {
    struct stat info;
    if (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW)) return 0;
    if (S_ISLNK(info.st_mode)) return pack_link(directory, name);
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return 0;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return 0;
    int failed = S_ISDIR(info.st_mode) ? enter(fd, name) : pack_file(fd, name, &info);
    if (failed || S_ISREG(info.st_mode)) close(fd);
    return failed;
}

static int pack_levels(void) {
    while (packing.depth) {
        DIR *directory = packing.levels[packing.depth - 1];
        struct dirent *entry = readdir(directory);
        if (!entry) {
            if (leave()) return -1;
        } else if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
            if (pack_entry(dirfd(directory), entry->d_name)) return -1;
        }
    }
    return put_entry(END, "", 0);
}

int64_t pack(const char *path, int to, int64_t max_bytes) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -1;
    packing.to = to;
    packing.room = max_bytes;
    packing.levels[0] = fdopendir(fd);
    packing.depth = packing.levels[0] ? 1 : 0;
    int failed = !packing.levels[0] || pack_levels();
    while (packing.depth) closedir(packing.levels[--packing.depth]);
    return failed ? -1 : packing.written;
}

/* ---- Unpacking: what is there already stays, be it a file where a directory should come */

static int levels[MAX_DEPTH + 1]; /* of open directories; the first is the working directory */
static int depth, ignored;        /* ignored: levels within a directory that cannot be made */

static void __attribute__((noreturn)) damaged(void) {
    errno = EBADMSG;
    die("tree");
}

static void get(int from, void *data, size_t size) {
    char *rest = data;
    while (size) {
        ssize_t n = read(from, rest, size);
        if (n <= 0) damaged();
        rest += n;
        size -= (size_t)n;
    }
}

static void skip(int from, uint64_t size) {
    if (size > INT64_MAX || lseek(from, (off_t)size, SEEK_CUR) < 0) damaged();
}

static void get_name(int from, size_t length, char name[NAME_MAX + 1]) {
    if (length > NAME_MAX) damaged();
    get(from, name, length);
    name[length] = 0;
    if (strlen(name) != length || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..")) damaged();
}

static void unpack_file(int from, const char *name, const struct entry *entry) {
    mode_t mode = entry->kind == EXECUTABLE ? 0755 : 0644;
    int fd = openat(levels[depth], name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST) return skip(from, entry->size);
    if (fd < 0) die("tree");
    for (uint64_t rest = entry->size; rest;) {
        ssize_t n = sendfile(fd, from, NULL, rest < INT_MAX ? rest : INT_MAX);
        if (n < 0) die("tree");
        if (n == 0) damaged();
        rest -= (uint64_t)n;
    }
    close(fd);
}

static void unpack_link(int from, const char *name, const struct entry *entry) {
    char target[PATH_MAX];
    if (entry->size >= sizeof target) damaged();
    get(from, target, entry->size);
    target[entry->size] = 0;
    if (symlinkat(target, levels[depth], name) && errno != EEXIST) die("tree");
}

static void unpack_directory(const char *name) {
    if (depth == MAX_DEPTH) damaged();
    if (mkdirat(levels[depth], name, 0755) && errno != EEXIST) die("tree");
    int fd = openat(levels[depth], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        ignored = 1;
    else
        levels[++depth] = fd;
}

static void unpack_up(void) {
    if (ignored) {
        ignored--;
        return;
    }
    if (!depth) damaged();
    close(levels[depth--]);
}

static void unpack_entry(int from, const struct entry *entry) {
    char name[NAME_MAX + 1];
    get_name(from, entry->name_length, name);
    if (entry->kind == UP)
        unpack_up();
    else if (!*name)
        damaged();
    else if (ignored && entry->kind == DIRECTORY)
        ignored++;
    else if (ignored)
        skip(from, entry->size);
    else if (entry->kind == DIRECTORY)
        unpack_directory(name);
    else if (entry->kind == LINK)
        unpack_link(from, name, entry);
    else if (entry->kind == PLAIN || entry->kind == EXECUTABLE)
        unpack_file(from, name, entry);
    else
        damaged();
}

void unpack(int from) {
    struct entry entry;
    levels[0] = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (levels[0] < 0) die("tree");
    for (get(from, &entry, sizeof entry); entry.kind != END; get(from, &entry, sizeof entry))
        unpack_entry(from, &entry);
    while (depth) close(levels[depth--]);
    close(levels[0]);
}
