// A library that does nothing but be loaded.
int thing(void) { return 1; }
