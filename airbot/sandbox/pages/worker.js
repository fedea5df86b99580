// The service worker of the trouble `service_worker`; its kind is in its address.
const kind = new URL(location.href).searchParams.get("kind");
const READS = /\/api\/v3\/(ViaductInboxData|ViaductGetThreadAndDataQuery)\//;

self.addEventListener("install", () => self.skipWaiting());

// "frozen": the first answer for ever; "stale": always the one before
async function kept(request) {
  const cache = await caches.open("api");
  const known = await cache.match(request);
  if (known && kind === "frozen") return known;
  const fresh = fetch(request).then(async (response) => {
    if (response.ok) await cache.put(request, response.clone());
    return response;
  });
  if (known) fresh.catch(() => null);
  return known || fresh;
}

self.addEventListener("fetch", (event) => {
  if (kind === "forward") event.respondWith(fetch(event.request));
  const keeps = kind === "stale" || kind === "frozen";
  if (keeps && READS.test(event.request.url)) event.respondWith(kept(event.request));
});

// "sends": the page hands its send over, and does not fetch it itself
async function send({ data, ports }) {
  try {
    const response = await fetch(data.address, data.init);
    const switches = response.headers.get("x-sandbox-switches");
    ports[0].postMessage([await response.text(), response.status, switches]);
  } catch (error) {
    ports[0].postMessage(null);
  }
}

self.addEventListener("message", (event) => event.waitUntil(send(event)));
