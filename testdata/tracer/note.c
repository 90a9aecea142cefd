// Carries the note that Go's linker leaves in its programs.
__attribute__((section(".note.go.buildid"), used, aligned(4))) static const struct {
    unsigned name, size, type;
    char owner[4], id[4];
} note = {4, 4, 4, "Go\0", "id"};
int main(void) { return 0; }
