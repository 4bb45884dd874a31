/* CPU time in threads. */
#include "attack.h"

static void *work(void *unused) {
    burn();
    return unused;
}

int main(void) {
    pthread_t thread;
    for (int i = 0; i < 4; i++) pthread_create(&thread, NULL, work, NULL);
    pause();
}
