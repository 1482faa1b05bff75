type Ending = 'complete' | 'too_short' | 'too_long' | 'broken_off';

/**
 * Passes exactly `size` bytes on, and ends in an error if there are fewer or more. The last piece waits for the end
 * of the body: who reads the other side takes the bytes for complete as soon as there are enough of them.
 * Cancelled, it lets go of the body.
 */
export const passExactly = (
  body: ReadableStream<Uint8Array>,
  size: number,
  { onProgress, signal }: { onProgress: () => void; signal: AbortSignal },
) => {
  const { readable, writable } = new FixedLengthStream(size);
  const reader = body.getReader();
  const writer = writable.getWriter();
  // Writes say the same; nobody else listens to these.
  for (const state of [writer.closed, reader.closed]) state.catch(() => {});
  const cancel = (reason?: unknown) => void reader.cancel(reason).catch(() => {});
  signal.addEventListener('abort', cancel, { once: true });

  const pass = async (): Promise<Ending> => {
    let received = 0;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return signal.aborted ? 'broken_off' : 'too_short';
      received += value.byteLength;
      onProgress();
      if (received > size) return 'too_long';
      if (received === size) {
        const more = await reader.read();
        if (!more.done && more.value.byteLength > 0) return 'too_long';
        await writer.write(value);
        await writer.close();
        return 'complete';
      }
      await writer.write(value);
    }
  };

  let ending: Ending | null = null;
  void pass()
    .catch((): Ending => 'broken_off')
    .then((reached) => {
      ending = reached;
      signal.removeEventListener('abort', cancel);
      if (reached === 'complete') return;
      cancel();
      void writer.abort(new Error(reached)).catch(() => {});
    });
  /** `ending`: how it ended, or null while it goes on. */
  return { readable, ending: (): Ending | null => ending, cancel };
};
