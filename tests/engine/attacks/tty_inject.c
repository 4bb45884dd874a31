/* Words put into the terminal of whoever started the engine. */
#include "attack.h"
#include <sys/ioctl.h>

int main(void) {
    static const char *const terminals[] = {"/dev/tty", "/dev/console", "/dev/pts/0"};
    for (int number = 0; number < 3; number++) {
        errno = 0;
        if (!ioctl(number, TIOCSTI, "x") || errno == ENOTTY) BREACH("TIOCSTI reached the kernel");
        if (isatty(number)) BREACH("descriptor %d is a terminal", number);
    }
    for (int i = 0; i < 3; i++) {
        int terminal = open(terminals[i], O_RDWR | O_NONBLOCK | O_NOCTTY);
        if (terminal >= 0) BREACH("opens %s", terminals[i]);
    }
    return 0;
}
