/* Descriptors without end. */
#include "attack.h"

int main(void) {
    int count = 0;
    while (count < 5000 && dup(0) >= 0) count++;
    if (count > 300) BREACH("%d descriptors", count);
    return 0;
}
