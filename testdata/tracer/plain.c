// Reads, asks and lists by its libc, then becomes `cat` with an empty environment: for libcs and builds other than the usual one.
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void) {
    struct stat facts;
    DIR *folder = opendir("sub");
    FILE *file = fopen("a.txt", "r");
    if (!folder || !file || stat("gone.txt", &facts) == 0) return 1;
    closedir(folder), fclose(file);
    return execle("/bin/cat", "cat", "one.txt", (char *)NULL, (char *[]){NULL});
}
