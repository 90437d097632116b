// Returns null if there are no videos; else whether one seeks, whether the first picture of one is
// missing, and whether one sought since the last call. The first picture of a video is missing if
// the video is visible and loads, unless that was given up.
//
// again: looks for videos again, in the document, its shadow trees, and iframes of its own origin.
// giveUp: first pictures that are missing are given up.
(again, giveUp) => {
  const find = (root) => [...root.querySelectorAll("*")].flatMap((element) => [
    ...(element.localName === "video" ? [element] : []),
    ...(element.shadowRoot ? find(element.shadowRoot) : []),
    ...(element.contentDocument ? find(element.contentDocument) : []),
  ]);
  // A thread of Chrome's own hands pictures to the compositor, maybe after the seek has ended. Once
  // a video's frames are asked for, each draw waits for that thread, for a second of real time.
  const drawWithPicture = (video) => video.cancelVideoFrameCallback(video.requestVideoFrameCallback(() => {}));
  globalThis.seek ??= (event) => { globalThis.sought = true; drawWithPicture(event.target) };
  globalThis.givenUp ??= new WeakSet();
  const count = document.getElementsByTagName("video").length;
  if (again || count !== globalThis.count) {
    globalThis.count = count;
    globalThis.videos = find(document);
    for (const video of globalThis.videos) video.addEventListener("seeking", globalThis.seek);
  }
  if (!globalThis.videos.length) return null;
  // A video whose file is complete is idle while its first picture is decoded.
  const begins = (video) => video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA && video.currentSrc && !video.error &&
    (video.networkState === HTMLMediaElement.NETWORK_LOADING || video.networkState === HTMLMediaElement.NETWORK_IDLE && video.preload !== "none") &&
    !globalThis.givenUp.has(video) && video.getClientRects().length > 0;
  const missing = globalThis.videos.filter(begins);
  if (giveUp) for (const video of missing.splice(0)) globalThis.givenUp.add(video);
  const seeking = globalThis.videos.filter((video) => video.seeking);
  for (const video of seeking) drawWithPicture(video);
  const state = { seeks: seeking.length > 0, begins: missing.length > 0, sought: !!globalThis.sought };
  globalThis.sought = false;
  return state;
}
