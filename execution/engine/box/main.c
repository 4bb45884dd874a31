/* See box.h. */
#include "box.h"

int main(int argc, char **argv) {
    int is_init = argc > 1 && !strcmp(argv[1], "init");
    if (is_init && getpid() != 1) {
        dprintf(2, "box init: refused: not PID 1 of a pid namespace\n");
        return 121;
    }
    if (argc < 2) return 120;
    optind = 2;
    if (is_init) return init(argc, argv);
    if (!strcmp(argv[1], "reduced")) return reduced(argc, argv);
    if (!strcmp(argv[1], "sweep")) return sweep_alone(argc, argv);
    if (!strcmp(argv[1], "probe")) return probe(argc, argv);
    if (!strcmp(argv[1], "relay")) return relay(argc, argv);
    return strcmp(argv[1], "outer") ? 120 : outer(argc, argv);
}
