/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over its kept corpus, one file after the other, for compilers without
 * libFuzzer. Each argument is a file or a folder; a missing or empty folder is a failure, since a
 * replay of nothing proves nothing. */
#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        perror(path);
        if (file != NULL) {
            fclose(file);
        }
        return 1;
    }
    /* Exactly as large as the input, so that a sanitizer sees a read behind its end. */
    size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    int failed = data == NULL || fread(data, 1, size, file) != size;
    fclose(file);
    if (failed) {
        fprintf(stderr, "%s: could not be read\n", path);
    } else {
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return failed;
}

static int run_folder(const char *path, unsigned *count)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char name[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        int len = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (len < 0 || (size_t)len >= sizeof(name)) {
            fprintf(stderr, "%s/%s: path too long\n", path, entry->d_name);
            failed = 1;
            continue;
        }
        failed |= run_file(name);
        *count += 1;
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        if (stat(argv[i], &info) == 0 && !S_ISDIR(info.st_mode)) {
            failed |= run_file(argv[i]);
            count += 1;
        } else {
            failed |= run_folder(argv[i], &count);
        }
    }
    printf("%u inputs replayed\n", count);
    return failed != 0 || count == 0;
}
