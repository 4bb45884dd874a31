/* Memory, touched. */
#include "attack.h"

int main(void) {
    for (int i = 0; i < 4 * MEMORY_MIB; i++) {
        char *block = malloc(MIB);
        if (!block) return 5;
        memset(block, 1, MIB);
    }
    BREACH("%d MiB", 4 * MEMORY_MIB);
    return 0;
}
