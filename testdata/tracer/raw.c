// Opens its first argument, if any, and ends: linked statically, it is a program that no library can be loaded into.
#include <fcntl.h>
int main(int count, char **words) { return count > 2 && open(words[1], O_RDONLY) < 0; }
