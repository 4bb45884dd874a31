// What this browser remembers. In a private window nothing is, and nothing breaks.

export function recall(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

export function remember(key, value) {
  try { localStorage.setItem(key, value); return true; } catch { return false; }
}

export function forget(key) {
  try { localStorage.removeItem(key); } catch { /* nothing was kept */ }
}
