/* Daemons that survive the program, deaf to all signals. */
#include "attack.h"

int main(void) {
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            setsid();
            for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
            if (fork() == 0)
                for (;;) sleep(1);
            _exit(0);
        }
    puts("gone");
    return 0;
}
