/* Files of the host, put into the program. */
__asm__(".incbin \"/etc/shadow\"");
int main(void) { return 0; }
