/** Two short tones. There is no file to load and none to license. */
const PAUSE_MS = 1000;
let context: AudioContext | undefined;
let last = 0;

// Browsers let a page make sounds only after a gesture: the context is woken by the first one.
addEventListener("pointerdown", () => void context?.resume(), { passive: true });

export function chime(): void {
  const at = Date.now();
  if (at - last < PAUSE_MS) return;
  last = at;
  try {
    context ??= new AudioContext();
    if (context.state === "suspended") void context.resume().catch(() => undefined);
    tone(context, 660, 0);
    tone(context, 990, 0.09);
  } catch {
    // No sound device.
  }
}

function tone(on: AudioContext, frequency: number, delay: number): void {
  const [oscillator, gain] = [on.createOscillator(), on.createGain()];
  const start = on.currentTime + delay;
  oscillator.type = "sine";
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(0.12, start + 0.015);
  gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.22);
  oscillator.connect(gain).connect(on.destination);
  oscillator.start(start);
  oscillator.stop(start + 0.25);
}
