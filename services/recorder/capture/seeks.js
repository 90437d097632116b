// Tells what the videos do: null when there are none; else whether one seeks, and whether one sought since this was last asked. It
// looks for videos anew when asked to: in the document, its shadow trees, and the frames of its own origin.
(again) => {
  const find = (root) => [...root.querySelectorAll("*")].flatMap((element) => [
    ...(element.localName === "video" ? [element] : []),
    ...(element.shadowRoot ? find(element.shadowRoot) : []),
    ...(element.contentDocument ? find(element.contentDocument) : []),
  ]);
  globalThis.seek ??= () => { globalThis.sought = true };
  const count = document.getElementsByTagName("video").length;
  if (again || count !== globalThis.count) {
    globalThis.count = count;
    globalThis.videos = find(document);
    for (const video of globalThis.videos) video.addEventListener("seeking", globalThis.seek);
  }
  if (!globalThis.videos.length) return null;
  const state = { seeks: globalThis.videos.some((video) => video.seeking), sought: !!globalThis.sought };
  globalThis.sought = false;
  return state;
}
