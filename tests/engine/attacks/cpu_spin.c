/* CPU time, with the signal that warns of its limit ignored. */
#include "attack.h"

int main(void) {
    signal(SIGXCPU, SIG_IGN);
    burn();
}
