/* Keys outlive who made them, and are found by whoever has the same user id. */
#include "attack.h"
#include <linux/keyctl.h>

int main(void) {
    if (syscall(SYS_add_key, "user", "attack", "x", 1, KEY_SPEC_PROCESS_KEYRING) >= 0) BREACH("add_key");
    if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) >= 0) BREACH("keyctl");
    return 0;
}
