/* Deaf to everything that can be ignored, with children who are as well. */
#include "attack.h"

int main(void) {
    for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
    fork();
    fork();
    burn();
}
