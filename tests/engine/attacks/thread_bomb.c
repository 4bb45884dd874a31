/* Threads without end. */
#include "attack.h"

static void *work(void *unused) {
    pause();
    return unused;
}

int main(void) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    int count = 0;
    for (pthread_t thread; count < 1000 && !pthread_create(&thread, &small, work, NULL);) count++;
    if (count > PROCESSES) BREACH("%d threads", count);
    return 0;
}
