// The picture of the engine as it comes in, once a second; and whether it still does.

const SILENCE = 6000; // milliseconds without news after which the connection counts as lost
const AGAIN = 2000;

// Calls `show` with every picture, `say` with "live" or "lost" at every change.
export function follow(address, show, say) {
  let stream;
  let watch;
  let state = "connecting";

  function become(next) {
    if (state !== next) say(next);
    state = next;
  }

  function connect() {
    stream = new EventSource(address);
    stream.addEventListener("status", (event) => {
      show(JSON.parse(event.data));
      become("live");
      expect(SILENCE);
    });
    stream.addEventListener("error", () => {
      become("lost");
      expect(AGAIN);
    });
    expect(SILENCE);
  }

  // Starts over unless there is news in time: an engine that hangs keeps its connections open.
  function expect(milliseconds) {
    clearTimeout(watch);
    watch = setTimeout(() => {
      become("lost");
      stream.close();
      connect();
    }, milliseconds);
  }

  connect();
}
