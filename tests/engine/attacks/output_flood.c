/* Output without end. */
#include "attack.h"

static char block[MIB];

int main(void) {
    for (;;)
        if (write(1, block, sizeof block) < 0) return 1;
}
