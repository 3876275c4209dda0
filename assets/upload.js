// Sends files from a page: chosen or dropped, whole or in pieces, over lost connections and reloads.

const PIECE_UNIT = 320 * 1024; // Pieces are multiples of it.
const WHOLE_LIMIT = 4 * 1024 * 1024; // What is larger goes in pieces.
const AT_ONCE = 3;
const ROWS = 100;
const STALL = 60_000; // Milliseconds without a byte before a connection counts as lost.
const COMMIT = 600_000; // As long may the server take once it has all.
const BAD_NAME = /[\\/:*?"<>|\p{Cc}\p{Cs}]|^\s|[\s.]$/u;
const WORDS = {
  badName: 'A name can’t have \\ / : * ? " < > | in it.',
  broken: 'Something broke on our side. Try again in a minute.',
  changed: 'Somebody else replaced this file a moment ago. Look at it first, then replace it if you still want to.',
  gone: document.body.dataset.token ? 'This folder isn’t here any more.' : 'This link doesn’t open anything any more.',
  signedOut: 'You were signed out. Your upload waits.',
  unreadable: 'This file can’t be read on your device. Choose it again.',
};

const form = document.querySelector('form[data-upload]');
const { upload: mode, api, etag, owner, name: targetName } = form?.dataset ?? {};
const firstName = form?.dataset.firstName ?? form?.dataset.ownerFirstName ?? owner;
const zone = form?.querySelector('.drop');

let uploads = [];
let queue = []; // Those of them that wait for their turn.
let atWork = 0;
let pieceSize = 32 * PIECE_UNIT;
let restUntil = 0; // The server asked for silence until then.
let isGone = false; // The link is.
let scans = 0; // Dropped folders that are still being read.
let isAtRest = true;

// ---- Numbers and words

const number = (value) => value.toLocaleString('en');
const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

function sizeParts(bytes) {
  if (bytes < 1024) return [String(Math.round(bytes)), bytes === 1 ? 'byte' : 'bytes'];
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1023.5 && unit < 4; unit += 1) value /= 1024;
  return [value.toFixed(value < 9.95 ? 1 : 0).replace(/\.0$/, ''), ['KB', 'MB', 'GB', 'TB', 'PB'][unit]];
}

const sizeText = (bytes) => sizeParts(bytes).join(' ');

function doneOfText(done, size) {
  const [value, unit] = sizeParts(done);
  return unit === sizeParts(size)[1] ? `${value} of ${sizeText(size)}` : `${value} ${unit} of ${sizeText(size)}`;
}

function durationText(seconds) {
  if (seconds < 60) return plural(Math.max(1, Math.round(seconds)), 'second', 'seconds');
  if (seconds < 3600) return plural(Math.round(seconds / 60), 'minute', 'minutes');
  return plural(Math.round(seconds / 3600), 'hour', 'hours');
}

function dateText(moment) {
  const date = new Date(moment);
  const show = (options) => date.toLocaleString('en-GB', options);
  const daysAgo = (days) => new Date(Date.now() - days * 86_400_000).toDateString() === date.toDateString();
  const time = show({ hour: '2-digit', minute: '2-digit' });
  if (daysAgo(0)) return `today at ${time}`;
  if (daysAgo(1)) return `yesterday at ${time}`;
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : 'numeric';
  return show({ day: 'numeric', month: 'long', year });
}

/** `report.pdf` becomes `report 1.pdf`, as the server names what would collide. */
function numbered(name) {
  const dot = name.lastIndexOf('.');
  return dot > 0 ? `${name.slice(0, dot)} 1${name.slice(dot)}` : `${name} 1`;
}

function toast(text) {
  document.dispatchEvent(new CustomEvent('everlink:toast', { detail: { text, bad: true } }));
}

// ---- The server

function itemUrl(path) {
  return mode === 'replace' ? api : `${api}:/${path.split('/').map(encodeURIComponent).join('/')}`;
}

const actionUrl = (path, action) => itemUrl(path) + (mode === 'replace' ? '/' : ':/') + action;
const conditions = () => (mode === 'replace' ? { 'If-Match': etag } : {});

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** One request. Its answer has the status 0 where none came. */
function ask(method, url, { body, headers = {}, signal, onSent } = {}) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    let patience;
    const waitFor = (milliseconds) => {
      clearTimeout(patience);
      patience = setTimeout(abort, milliseconds);
    };
    request.open(method, url);
    // Of an owner's session: what shows that the site's own page asks.
    if (document.body.dataset.token) request.setRequestHeader('X-Everlink-Token', document.body.dataset.token);
    Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.upload.onprogress = (event) => {
      waitFor(STALL);
      onSent?.(event.loaded);
    };
    request.upload.onload = () => waitFor(COMMIT);
    request.onloadend = () => {
      clearTimeout(patience);
      signal?.removeEventListener('abort', abort);
      if (signal?.aborted) return reject(signal.reason);
      const retryAfter = Number(request.getResponseHeader('Retry-After')) || 0;
      const date = Date.parse(request.getResponseHeader('Date'));
      return resolve({ status: request.status, json: parsed(request.responseText), retryAfter, date });
    };
    signal?.addEventListener('abort', abort);
    request.send(body);
    waitFor(STALL);
  });
}

const askJson = (method, url, value, more) =>
  ask(method, url, {
    ...more,
    body: JSON.stringify(value),
    headers: { 'Content-Type': 'application/json', ...more?.headers },
  });

const isFine = (answer) => answer.status >= 200 && answer.status < 300;
// A proxy that doesn't reach the server is a lost connection, too.
const isLost = (answer) => [0, 408, 502, 504].includes(answer.status);
const isBusy = (answer) => [429, 503].includes(answer.status);

/** What the server doesn't take. */
class Refusal extends Error {
  constructor(answer) {
    super(answer.json?.error?.message || WORDS.broken);
    this.status = answer.status;
  }
}

// ---- One upload

function newUpload({ path, file, isFolder = false }) {
  const upload = { path, file, isFolder, name: path.split('/').pop(), size: file?.size ?? 0, sent: 0 };
  const conflict = { folder: 'fail', drop: 'rename', replace: 'replace' }[mode];
  return Object.assign(upload, { conflict, state: 'waiting', losses: 0, sessions: 0, stop: new AbortController() });
}

function settle(upload, state, message = '') {
  Object.assign(upload, { state, message });
  if (state === 'failed') speak(`${upload.name}: ${message}`);
  render();
}

/** Waits, but not after `wake` or a cancellation. */
function wait(upload, milliseconds) {
  return new Promise((resolve, reject) => {
    const cancel = () => reject(upload.stop.signal.reason);
    const timer = setTimeout(() => upload.wake(), milliseconds);
    upload.wake = () => {
      clearTimeout(timer);
      upload.stop.signal.removeEventListener('abort', cancel);
      resolve();
    };
    upload.stop.signal.addEventListener('abort', cancel);
  });
}

async function waitOutLoss(upload) {
  // A file that has gone from the disk looks like a lost connection.
  await upload.file?.slice(0, 1).arrayBuffer().catch(() => {
    throw new Refusal({ json: { error: { message: WORDS.unreadable } } });
  });
  const { received } = upload.session ?? {};
  const goesOn = received ? ` at ${sizeText(received)}. It goes on from there.` : '. It goes on by itself.';
  const text = `The connection was lost${goesOn}`;
  if (upload.losses === 0) speak(`${upload.name}: ${text}`);
  settle(upload, 'paused', text);
  await wait(upload, Math.min(60, 2 ** upload.losses) * 1000);
  upload.losses += 1;
}

/** Sends once the server isn't busy. After a loss it has waited: its caller may try again at once. */
async function exchange(upload, send) {
  for (;;) {
    if (restUntil > Date.now()) {
      settle(upload, 'going', 'Waiting');
      await wait(upload, restUntil - Date.now());
    }
    const answer = await send(upload.stop.signal);
    if (isBusy(answer)) {
      restUntil = Date.now() + 1000 * (answer.retryAfter || Math.min(60, 2 ** upload.losses++));
    } else if (isLost(answer)) {
      await waitOutLoss(upload);
      return answer;
    } else {
      upload.losses = 0;
      settle(upload, 'going');
      return answer;
    }
  }
}

async function untilAnswered(upload, send) {
  for (;;) {
    const answer = await exchange(upload, send);
    if (!isLost(answer)) return answer;
  }
}

function progressFrom(upload, start) {
  return (sent) => {
    upload.sent = Math.min(upload.size, start + sent);
    if (upload.state === 'paused' || upload.message) Object.assign(upload, { state: 'going', message: '' });
    render();
  };
}

/**
 * Whether this content came to stand there since `begun`, by the server's clock: then it was taken, and the answer
 * was lost. Browsers send a request again by themselves where a connection was cut, too.
 */
async function isThere(upload, begun) {
  if (!globalThis.crypto?.subtle) return false;
  const { json } = await untilAnswered(upload, (signal) => ask('GET', itemUrl(upload.path), { signal }));
  if (!(Date.parse(json.lastModifiedDateTime) >= begun)) return false;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await upload.file.arrayBuffer()));
  const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return json.file?.hashes?.sha256Hash?.toLowerCase() === hash;
}

async function sendWhole(upload) {
  const query = mode === 'replace' ? '' : `?@microsoft.graph.conflictBehavior=${upload.conflict}`;
  const url = actionUrl(upload.path, 'content') + query;
  const headers = { 'Content-Type': 'application/octet-stream', ...conditions() };
  const onSent = progressFrom(upload, 0);
  const start = Date.now();
  for (;;) {
    const answer = await exchange(upload, (signal) => ask('PUT', url, { body: upload.file, headers, signal, onSent }));
    const begun = answer.date - (Date.now() - start) - 2000;
    if ([409, 412].includes(answer.status) && (await isThere(upload, begun))) return { status: 200, json: {} };
    if (answer.status === 413 && upload.size > 0) return sendInPieces(upload);
    if (!isLost(answer)) return answer;
    upload.sent = 0;
  }
}

/** The first byte that an answer about a session wants; none where it is no such answer. */
function nextByte(answer) {
  const [range] = (isFine(answer) && answer.json.nextExpectedRanges) || [];
  return range === undefined ? undefined : parseInt(range, 10);
}

async function openSession(upload) {
  upload.sessions += 1;
  if (upload.sessions > 5) throw new Refusal({});
  const item = { '@microsoft.graph.conflictBehavior': upload.conflict, fileSize: upload.size };
  const url = actionUrl(upload.path, 'createUploadSession');
  const answer = await untilAnswered(upload, (signal) =>
    askJson('POST', url, { item }, { signal, headers: conditions() }),
  );
  if (!isFine(answer)) throw new Refusal(answer);
  // The server may know itself under another host name than the page's.
  const session = new URL(answer.json.uploadUrl, location.href);
  remember(upload, { url: session.pathname + session.search, expires: answer.json.expirationDateTime, received: 0 });
  return answer;
}

function putPiece(upload, from, end, onSent = progressFrom(upload, from)) {
  const headers = {
    'Content-Range': `bytes ${from}-${end - 1}/${upload.size}`,
    'Content-Type': 'application/octet-stream',
  };
  const body = upload.file.slice(from, end);
  return (signal) => ask('PUT', upload.session.url, { body, headers, signal, onSent });
}

/** Asks where to go on. A session that isn't there any more has become the file, or has to begin anew. */
async function askWhere(upload) {
  const answer = await untilAnswered(upload, (signal) => ask('GET', upload.session.url, { signal }));
  if (answer.status !== 404) return answer;
  // Only a session that is done takes its last byte once more, and says again what it became.
  const last = await untilAnswered(upload, putPiece(upload, upload.size - 1, upload.size, () => {}));
  if (isFine(last)) return last;
  forget(upload);
  return openSession(upload);
}

async function sendInPieces(upload) {
  let answer = await (upload.session ? askWhere(upload) : openSession(upload));
  for (;;) {
    const from = nextByte(answer);
    if (from !== undefined) {
      upload.session.received = from;
      upload.sent = from;
      remember(upload, { expires: answer.json.expirationDateTime ?? upload.session.expires });
      answer = await exchange(upload, putPiece(upload, from, Math.min(from + pieceSize, upload.size)));
    } else if (isLost(answer) || [404, 416].includes(answer.status)) {
      answer = await askWhere(upload);
    } else if (answer.status === 413 && pieceSize > PIECE_UNIT) {
      // A proxy before the server takes less at once.
      pieceSize /= 2;
      answer = await askWhere(upload);
    } else {
      return answer;
    }
  }
}

/** A folder with nothing in it; all others come with their files. */
function makeFolder(upload) {
  const parent = upload.path.slice(0, -upload.name.length - 1);
  const url = parent ? actionUrl(parent, 'children') : `${api}/children`;
  const folder = { name: upload.name, folder: {}, '@microsoft.graph.conflictBehavior': 'replace' };
  return untilAnswered(upload, (signal) => askJson('POST', url, folder, { signal }));
}

function send(upload) {
  if (upload.isFolder) return makeFolder(upload);
  // A session is answered once more where an answer was lost; a whole file sent again would be kept twice.
  const isOnceOnly = mode !== 'replace' && (mode === 'drop' || upload.conflict === 'rename') && upload.size > 0;
  return upload.size > WHOLE_LIMIT || isOnceOnly ? sendInPieces(upload) : sendWhole(upload);
}

function refuse(upload, { status, message }) {
  if (status === 409 && mode === 'folder' && upload.conflict === 'fail' && !upload.isFolder) {
    abandonSession(upload);
    settle(upload, 'asking', `“${upload.name}” is already here`);
    return askSoon();
  }
  if (status === 401 && document.body.dataset.token) {
    document.dispatchEvent(new CustomEvent('everlink:signed-out'));
    return settle(upload, 'failed', WORDS.signedOut);
  }
  if ([401, 404].includes(status) && !upload.isFolder) return stopAll();
  // Neither gets better by being tried again.
  upload.isFinal = status === 400 || status === 412;
  upload.isOutdated = status === 412;
  if (upload.isFinal) abandonSession(upload);
  const noRoom = `There is no room for “${upload.name}”. It needs ${sizeText(upload.size)}.`;
  const text = { 412: WORDS.changed, 507: noRoom, 500: WORDS.broken }[status] ?? message;
  return settle(upload, 'failed', text);
}

/** The link is gone, and everything that wanted to go through it. */
function stopAll() {
  isGone = true;
  queue = [];
  unfinished().forEach((upload) => {
    forget(upload);
    Object.assign(upload, { state: 'failed', message: WORDS.gone, isFinal: true });
    upload.stop.abort();
  });
  speak(WORDS.gone);
  render();
}

/** Shows the name that the server gave it. */
function rename(upload, name) {
  upload.path = upload.path.slice(0, -upload.name.length) + name;
  upload.name = name;
}

async function run(upload) {
  atWork += 1;
  const { stop } = upload;
  settle(upload, 'going');
  try {
    const answer = await send(upload);
    if (!isFine(answer)) throw new Refusal(answer);
    forget(upload);
    Object.assign(upload, { sent: upload.size, doneAt: Date.now() });
    if (mode === 'folder' && answer.json.name) rename(upload, answer.json.name);
    settle(upload, 'done');
  } catch (problem) {
    // Whoever stopped it has said so.
    if (!stop.signal.aborted) refuse(upload, problem instanceof Refusal ? problem : { message: WORDS.broken });
  } finally {
    atWork -= 1;
    pump();
  }
}

function pump() {
  while (atWork < AT_ONCE && queue.length > 0) run(queue.shift());
  if (scans + atWork + queue.length === 0 && unfinished().length === 0) rest();
}

const isUnfinished = ({ state }) => state !== 'done' && state !== 'failed';
const unfinished = () => uploads.filter(isUnfinished);
const inState = (...states) => uploads.filter(({ state }) => states.includes(state));

function enqueue(upload) {
  Object.assign(upload, { state: 'waiting', message: '', sessions: 0, losses: 0, isFinal: false });
  queue.push(upload);
}

function retry(upload) {
  if (upload.state === 'paused') return upload.wake?.();
  isAtRest = false;
  showsFailed = false;
  enqueue(upload);
  return pump();
}

function cancel(...some) {
  const gone = new Set(some);
  uploads = uploads.filter((upload) => !gone.has(upload));
  queue = queue.filter((upload) => !gone.has(upload));
  some.forEach((upload) => {
    upload.stop.abort();
    abandonSession(upload);
  });
  isAtRest = false;
  render();
  pump();
}

// ---- What a later visit of the page can go on with

const STORE = `everlink:uploads:${api}`;

function stored() {
  try {
    const list = JSON.parse(localStorage.getItem(STORE)) ?? [];
    return list.filter(({ expires }) => Date.parse(expires) > Date.now());
  } catch {
    return [];
  }
}

function store(list) {
  try {
    if (list.length > 0) localStorage.setItem(STORE, JSON.stringify(list));
    else localStorage.removeItem(STORE);
  } catch {
    // Without a store uploads just don't outlive the page.
  }
}

const lockName = (url) => `everlink:${url}`;

function remember(upload, change) {
  const isNew = !upload.session;
  upload.session = { ...upload.session, ...change };
  const { url, expires } = upload.session;
  const { path, size, conflict, file } = upload;
  const others = stored().filter((entry) => entry.url !== url);
  store([...others, { path, size, lastModified: file.lastModified, url, expires, conflict }]);
  // Other tabs see by the lock that it isn't cut off.
  if (isNew) navigator.locks?.request(lockName(url), () => new Promise((free) => { upload.free = free; }));
}

function forget(upload) {
  if (!upload.session) return;
  const { url } = upload.session;
  store(stored().filter((entry) => entry.url !== url));
  upload.free?.();
  upload.session = undefined;
}

function abandonSession(upload) {
  if (upload.session) ask('DELETE', upload.session.url);
  forget(upload);
}

async function cutOff() {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  const live = new Set(held.map(({ name }) => name));
  const isMine = (url) => uploads.some(({ session }) => session?.url === url);
  return stored().filter(({ url }) => !live.has(lockName(url)) && !isMine(url));
}

/** Gives an upload the session that an earlier visit left for the same file. */
function takeUp(upload, entries) {
  const isSame = ({ path, size, lastModified }) =>
    path === upload.path && size === upload.size && lastModified === upload.file?.lastModified;
  const at = entries.findIndex(isSame);
  if (at < 0) return;
  const [{ url, expires, conflict }] = entries.splice(at, 1);
  upload.conflict = conflict;
  remember(upload, { url, expires, received: 0 });
}

const clone = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
let strip;

async function showCutOff() {
  const entries = await cutOff();
  if (entries.length === 0) return strip?.remove();
  if (!strip) {
    strip = clone('uploads-strip');
    strip.querySelector('button').addEventListener('click', forgetCutOff);
  }
  const many = `${number(entries.length)} uploads were cut off. Choose the same files again and they go on.`;
  const one = '1 upload was cut off. Choose the same file again and it goes on.';
  strip.querySelector('span').textContent = entries.length === 1 ? one : many;
  if (!strip.isConnected) zone.after(strip);
  return undefined;
}

async function forgetCutOff() {
  const entries = await cutOff();
  const urls = new Set(entries.map(({ url }) => url));
  store(stored().filter(({ url }) => !urls.has(url)));
  strip.remove();
  focusChoose();
  urls.forEach((url) => ask('DELETE', url));
}

// ---- Names that are taken

let dialog;
let asked; // The upload that the dialog is about.
let decided = 0; // Of the names that turned out to be taken.
let isPostponed = false;
let askTimer;

/** Asks once a few have gathered, or all have been tried where one answer was to hold for all. */
function askSoon() {
  clearTimeout(askTimer);
  if (isPostponed && queue.length > 0) return;
  askTimer = setTimeout(() => { if (!isPostponed || decided > 0) askNext(); }, decided > 0 ? 0 : 700);
}

function askNext() {
  const [upload] = inState('asking');
  if (!upload || dialog?.open) return;
  dialog ??= makeDialog();
  asked = upload;
  const put = (place, text) => { dialog.querySelector(`[data-${place}]`).textContent = text; };
  put('name', upload.name);
  put('other-name', numbered(upload.name));
  put('yours', `${sizeText(upload.size)}, changed ${dateText(upload.file.lastModified)}`);
  dialog.querySelector('form').reset();
  showHere(null);
  showCounts();
  dialog.returnValue = '';
  dialog.showModal();
  dialog.querySelector('input:checked').focus();
  ask('GET', itemUrl(upload.path)).then((answer) => {
    if (asked === upload && isFine(answer)) showHere(answer.json);
  });
}

function showHere(item) {
  const here = dialog.querySelector('[data-here]');
  here.hidden = !item?.lastModifiedDateTime;
  here.previousElementSibling.hidden = here.hidden;
  const size = item?.folder ? 'A folder' : sizeText(item?.size ?? 0);
  here.textContent = here.hidden ? '' : `${size}, changed ${dateText(item.lastModifiedDateTime)}`;
  // A file doesn't take a folder's place.
  const replace = dialog.querySelector('[value=replace]');
  replace.disabled = Boolean(item?.folder);
  replace.closest('.opt').hidden = replace.disabled;
  if (replace.disabled && replace.checked) dialog.querySelector('[value=rename]').checked = true;
}

/** Other files go on behind the dialog, and find more names taken. */
function showCounts() {
  const open = inState('asking').length;
  dialog.querySelector('[data-place]').textContent =
    `${number(decided + 1)} of ${plural(decided + open, 'name that is', 'names that are')} taken`;
  const same = dialog.querySelector('[data-same]');
  same.textContent = `Do the same for the other ${number(open - 1)}`;
  same.parentElement.hidden = open < 2;
}

function makeDialog() {
  const made = clone('uploads-conflict');
  made.querySelector('[data-do=stop]').addEventListener('click', () => made.close('stop'));
  made.addEventListener('close', () => decide(made.returnValue, made.querySelector('form').elements));
  document.body.append(made);
  return made;
}

function decide(outcome, { choice, same }) {
  const upload = asked;
  asked = undefined;
  if (outcome === 'stop') return cancel(...unfinished());
  isPostponed = outcome !== 'go' || same.checked;
  if (outcome !== 'go') return render();
  const some = same.checked ? inState('asking') : [upload];
  decided += some.length;
  if (choice.value === 'skip') {
    cancel(...some);
  } else {
    some.forEach((one) => {
      one.conflict = choice.value;
      enqueue(one);
    });
    pump();
  }
  return inState('asking').length > 0 && askSoon();
}

// ---- What the reader sees

let dock;
let renderTimer;
let hasSpokenOfHalf = false;
let showsFailed = false;
const uploadOf = new WeakMap();
const inDock = (selector) => dock.querySelector(selector);

function speak(text) {
  // A new region has to be there before its text is, or it stays silent.
  if (dock) setTimeout(() => { dock?.querySelector('.ups-spoken').replaceChildren(text); }, 100);
}

function speakOfHalf() {
  if (hasSpokenOfHalf || uploads.length < 2) return;
  const total = (of) => uploads.reduce((sum, upload) => sum + of(upload), 0);
  if (total(({ sent }) => sent) * 2 < total(({ size }) => size)) return;
  hasSpokenOfHalf = true;
  if (unfinished().length > 0) speak('50 %');
}

function openDock() {
  if (dock) return;
  dock = clone('uploads-dock');
  dock.classList.toggle('here', mode !== 'folder');
  dock.classList.toggle('one', mode === 'replace');
  dock.addEventListener('click', press);
  if (mode === 'folder') (document.querySelector('main') ?? document.body).append(dock);
  else zone.after(dock);
}

function closeDock() {
  const hadFocus = dock?.contains(document.activeElement);
  dock?.remove();
  dock = undefined;
  uploads.forEach((upload) => { upload.row = undefined; });
  if (hadFocus) focusChoose();
}

const focusChoose = () => form.querySelector('[data-choose-files]')?.focus();

function press({ target }) {
  const button = target.closest('[data-do]');
  const upload = uploadOf.get(target.closest('.up'));
  const acts = {
    'cancel-all': () => cancel(...unfinished()),
    'show-failed': showFailed,
    fold: () => fold(button.getAttribute('aria-expanded') === 'true'),
    close: leave,
    decide: askNext,
    retry: () => retry(upload),
    cancel: () => cancel(upload),
    reload: () => loadAgain(),
  };
  acts[button?.dataset.do]?.();
}

function fold(isFolded) {
  dock.classList.toggle('folded', isFolded);
  inDock('[data-do=fold]').setAttribute('aria-expanded', String(!isFolded));
}

function showFailed() {
  showsFailed = true;
  fold(false);
  draw();
  inDock('.ups-list button:not([hidden])')?.focus();
}

/** The reader has seen how it ended. */
function leave() {
  const arrived = inState('done');
  closeDock();
  if (mode === 'drop') showSent(arrived);
  uploads = [];
}

function render() {
  renderTimer ??= setTimeout(draw, 200);
}

function draw() {
  clearTimeout(renderTimer);
  renderTimer = undefined;
  if (!dock) return;
  speakOfHalf();
  drawHead();
  drawRows();
  if (dialog?.open) showCounts();
}

function titleText() {
  const files = uploads.filter(({ isFolder }) => !isFolder);
  const count = (...states) => files.filter(({ state }) => states.includes(state)).length;
  const failed = inState('failed').length;
  if (unfinished().length > 0) {
    const begun = Math.max(1, count('done', 'failed', 'going', 'paused'));
    return `Uploading ${number(Math.min(begun, files.length))} of ${number(files.length)}`;
  }
  if (failed > 0) return `${number(failed)} of ${plural(count('done') + failed, 'file', 'files')} didn’t arrive`;
  return files.length > 0 ? `${plural(files.length, 'file', 'files')} uploaded` : 'Done';
}

function drawHead() {
  const isOver = unfinished().length === 0;
  const taken = inState('asking').length;
  const show = (selector, isShown) => { inDock(selector).hidden = !isShown; };
  setText(inDock('#ups-title'), titleText());
  setText(inDock('.ups-taken span'), plural(taken, 'name is taken', 'names are taken'));
  show('.ups-taken', taken > 0);
  show('.ups-offline', !isOver && !navigator.onLine);
  show('[data-do=cancel-all]', !isOver);
  show('[data-do=show-failed]', isOver && inState('failed').length > 0 && mode === 'folder');
  show('[data-do=close]', isOver);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** What has a row: all, or of very many those that matter now. */
function shown() {
  const list = uploads.filter((upload) => (showsFailed || upload.isFolder ? upload.state === 'failed' : true));
  if (list.length <= ROWS) return list;
  const chosen = new Set();
  const choose = (most, ...states) =>
    list.filter(({ state }) => states.includes(state))
      .slice(0, Math.min(most, ROWS - chosen.size))
      .forEach((upload) => chosen.add(upload));
  choose(ROWS, 'going', 'paused');
  choose(50, 'failed', 'asking');
  inState('done').sort((a, b) => b.doneAt - a.doneAt).slice(0, 10).forEach((upload) => chosen.add(upload));
  choose(ROWS, 'waiting');
  choose(ROWS, 'failed', 'asking', 'done');
  return list.filter((upload) => chosen.has(upload));
}

function drawRows() {
  const list = inDock('.ups-list');
  const rows = shown().map((upload) => drawRow(upload));
  const keep = new Set(rows);
  const focused = list.contains(document.activeElement) && document.activeElement.closest('.up');
  [...list.children].forEach((row) => keep.has(row) || row.remove());
  if (focused && !focused.isConnected) inDock('#ups-title').focus();
  rows.forEach((row, at) => list.children[at] === row || list.insertBefore(row, list.children[at] ?? null));
  const others = uploads.filter(({ isFolder }) => !isFolder).length - rows.length;
  const more = inDock('.ups-more');
  more.hidden = others <= 0 || showsFailed;
  setText(more, `and ${plural(others, 'other', 'others')}`);
  followWork(list);
}

/** Keeps what is going in sight, unless the reader is at the list. */
function followWork(list) {
  const active = list.querySelector('[data-state=going]');
  if (!active || list.matches(':hover, :focus-within')) return;
  const top = active.offsetTop - list.offsetTop;
  if (top < list.scrollTop || top + active.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top;
}

function kindOf({ name, isFolder, file }) {
  const [type] = (file?.type ?? '').split('/');
  if (isFolder) return 'folder';
  if (type === 'image') return 'image';
  if (type === 'video' || type === 'audio') return 'media';
  return /\.(csv|tsv|xlsx?|ods)$/i.test(name) ? 'table' : 'file';
}

function makeRow(upload) {
  const row = clone('uploads-row');
  row.querySelector('progress').setAttribute('aria-label', upload.name);
  row.querySelector('[data-do=cancel]').setAttribute('aria-label', `Cancel ${upload.name}`);
  row.querySelector('[data-do=retry]').setAttribute('aria-label', `Try ${upload.name} again`);
  uploadOf.set(row, upload);
  return row;
}

function drawRow(upload) {
  upload.row ??= makeRow(upload);
  const { row, state, isFinal = false } = upload;
  const part = (selector) => row.querySelector(selector);
  const isFailed = state === 'failed';
  const icon = { done: 'done', failed: 'bad', paused: 'bad' }[state] ?? kindOf(upload);
  const hadFocus = row.contains(document.activeElement);
  row.dataset.state = state;
  setText(part('.up-name'), upload.path);
  setText(part('.up-state'), stateText(upload));
  part('use').setAttribute('href', `#up-${icon}`);
  part('progress').hidden = state !== 'going' && !(state === 'paused' && upload.sent > 0);
  part('progress').value = upload.size > 0 ? upload.sent / upload.size : 0;
  part('[data-do=reload]').hidden = !upload.isOutdated || !isFailed;
  part('[data-do=retry]').hidden = !(state === 'paused' || (isFailed && !isFinal));
  part('[data-do=cancel]').hidden = state === 'done' || (isFailed && !isFinal);
  if (hadFocus && document.activeElement.hidden) inDock('#ups-title').focus();
  return row;
}

function stateText(upload) {
  const { state, message, sent, size } = upload;
  if (message) return message;
  if (state === 'waiting') return 'Waiting';
  if (state === 'done') return mode === 'replace' ? 'Replaced' : 'Done';
  if (sent === 0) return 'Starting';
  const rate = rateOf(upload);
  const done = doneOfText(sent, size);
  if (!rate || sent >= size) return done;
  return `${done} · ${sizeText(rate)} a second · ${durationText((size - sent) / rate)} left`;
}

/** Bytes a second over the last seconds; none where it isn't known yet. */
function rateOf(upload) {
  const now = Date.now();
  const past = (upload.past ?? []).filter(({ at, sent }) => now - at < 8000 && sent <= upload.sent);
  upload.past = [...past, { at: now, sent: upload.sent }];
  const [first] = upload.past;
  return now - first.at < 1000 ? 0 : ((upload.sent - first.sent) * 1000) / (now - first.at);
}

// ---- What comes after

/** Nothing is left to do. */
function rest() {
  if (isAtRest) return;
  isAtRest = true;
  decided = 0;
  isPostponed = false;
  if (uploads.length === 0) closeDock();
  draw();
  if (dock) speak(titleText());
  const arrived = inState('done');
  if (arrived.length === 0) return;
  if (mode === 'folder') refreshListing();
  if (mode === 'replace') loadAgain('replaced');
  if (mode === 'drop' && arrived.length === uploads.length) leave();
}

/** Loads the page, which says what was done where something was. */
function loadAgain(done) {
  const url = new URL(location.href);
  url.searchParams.delete('done');
  if (done) url.searchParams.set('done', done);
  location.replace(url);
}

/** Puts what the folder holds now in the place of what the page showed. */
async function refreshListing() {
  const answer = await fetch(location.href, { headers: { Accept: 'text/html' } }).catch(() => undefined);
  if (answer && new URL(answer.url).pathname === '/signin') {
    document.dispatchEvent(new CustomEvent('everlink:signed-out'));
  }
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = [...page.querySelectorAll('[data-listing]')];
  const old = [...document.querySelectorAll('[data-listing]')];
  const isChecked = (box) => `input[type=checkbox][name="${CSS.escape(box.name)}"][value="${CSS.escape(box.value)}"]`;
  old.forEach((region, at) => {
    if (!fresh[at]) return;
    const checked = [...region.querySelectorAll('input[type=checkbox]:checked')].map(isChecked);
    checked.forEach((selector) => fresh[at].querySelector(selector)?.setAttribute('checked', ''));
    region.replaceWith(document.adoptNode(fresh[at]));
  });
  document.dispatchEvent(new CustomEvent('everlink:listing'));
}

function sentRow(upload) {
  const row = clone('uploads-row');
  row.dataset.state = 'done';
  row.querySelector('use').setAttribute('href', '#up-done');
  row.querySelector('progress').remove();
  row.querySelectorAll('button').forEach((button) => button.remove());
  row.querySelector('.up-name').textContent = upload.path;
  row.querySelector('.up-state').textContent = sizeText(upload.size);
  return row;
}

/** The thanks stand where the form did. */
function showSent(arrived) {
  const files = arrived.filter(({ isFolder }) => !isFolder);
  if (files.length === 0) return;
  const card = form.closest('[data-upload-card]') ?? form.parentElement;
  const covered = [...card.children].filter(({ hidden }) => !hidden);
  const thanks = clone('uploads-sent');
  const put = (selector, text) => { thanks.querySelector(selector).textContent = text; };
  const isOne = files.length === 1;
  const folder = document.createElement('bdi');
  folder.textContent = targetName;
  put('h1', `Thank you, ${plural(files.length, 'file', 'files')} arrived`);
  thanks.querySelector('.lead').append(
    isOne ? 'It is in “' : 'They are in “', folder, `” now. ${owner} can see ${isOne ? 'it' : 'them'}.`,
  );
  put('.note span', `You can’t open, change or take back what you sent. Ask ${firstName} if something went wrong.`);
  thanks.querySelector('.ups-list').append(...files.slice(0, ROWS).map(sentRow));
  const more = thanks.querySelector('.ups-more');
  more.hidden = files.length <= ROWS;
  more.textContent = `and ${plural(files.length - ROWS, 'other', 'others')}`;
  const setCovered = (isCovered) => covered.forEach((element) => { element.hidden = isCovered; });
  thanks.querySelector('button').addEventListener('click', () => {
    thanks.remove();
    setCovered(false);
    focusChoose();
  });
  setCovered(true);
  card.append(thanks);
  thanks.querySelector('h1').focus();
}

// ---- What is chosen and dropped

const promised = (object, method) => new Promise((resolve, reject) => { object[method](resolve, reject); });

/** All files below a dropped entry, and the folders that have none. */
async function* walk(entry, above = '') {
  const path = above + entry.name;
  try {
    if (entry.isFile) {
      yield { path, file: await promised(entry, 'file') };
      return;
    }
    const reader = entry.createReader();
    let isEmpty = true;
    // It tells a hundred at a time, until none.
    for (let some = await promised(reader, 'readEntries'); some.length > 0; ) {
      isEmpty = false;
      for (const child of some) yield* walk(child, `${path}/`);
      some = await promised(reader, 'readEntries');
    }
    // A page that only takes files makes no folders of their own.
    if (isEmpty && mode !== 'drop') yield { path, isFolder: true };
  } catch {
    yield { path };
  }
}

/** None of the entries outlives the event, so they are taken at once. */
async function addDropped({ items }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (mode === 'replace' && (entries.length > 1 || entries.some((entry) => entry.isDirectory))) {
    return toast(`Drop one file: it takes the place of “${targetName}”.`);
  }
  const known = await cutOff();
  scans += 1;
  for (const entry of entries) for await (const found of walk(entry)) add([found], known);
  scans -= 1;
  pump();
  return showCutOff();
}

async function addChosen(files) {
  const found = files.map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  add(found, await cutOff());
  showCutOff();
}

function add(found, known) {
  if (found.length === 0) return;
  if (mode === 'replace' && unfinished().length > 0) {
    toast('A new version is on its way already. Wait for it or cancel it.');
    return;
  }
  const isFirst = isAtRest;
  if (isFirst) beginBatch();
  found.forEach((one) => addOne(newUpload(one), known));
  if (isFirst) speak(titleText());
  render();
  pump();
}

/** What is over makes room; what failed stays to be tried again. */
function beginBatch() {
  uploads = mode === 'replace' ? [] : inState('failed');
  isAtRest = false;
  hasSpokenOfHalf = false;
  showsFailed = false;
  openDock();
}

function addOne(upload, known) {
  uploads.push(upload);
  const isBad = mode !== 'replace' && upload.path.split('/').some((name) => BAD_NAME.test(name));
  const message = (isGone && WORDS.gone) || (isBad && WORDS.badName)
    || (!upload.file && !upload.isFolder && WORDS.unreadable);
  if (message) {
    upload.isFinal = true;
    settle(upload, 'failed', message);
    return;
  }
  takeUp(upload, known);
  queue.push(upload);
}

function chooseWith(button, input) {
  if (!button) return;
  button.hidden = false;
  button.addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = ''; // So that the same file can be chosen again.
    addChosen(files);
  });
}

function listenToChoosing() {
  const input = form.querySelector('input[type=file]');
  input.hidden = true;
  input.multiple = mode !== 'replace';
  chooseWith(form.querySelector('[data-choose-files]'), input);
  const folder = document.createElement('input');
  folder.type = 'file';
  folder.webkitdirectory = true;
  const canChoose = 'webkitdirectory' in HTMLInputElement.prototype;
  chooseWith(canChoose ? form.querySelector('[data-choose-folder]') : null, folder);
}

function listenToDropping() {
  const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes('Files');
  const answer = (isOver) => zone.classList.toggle('on', isOver);
  let depth = 0; // Each element on the way says enter and leave.
  const listen = (type, act) =>
    addEventListener(type, (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      act(event);
      answer(depth > 0);
    });
  listen('dragenter', () => { depth += 1; });
  listen('dragleave', () => { depth -= 1; });
  listen('dragover', ({ dataTransfer }) => { dataTransfer.dropEffect = 'copy'; });
  listen('drop', ({ dataTransfer }) => {
    depth = 0;
    if (!dialog?.open) addDropped(dataTransfer);
  });
}

function listenToConnection() {
  addEventListener('online', () => {
    inState('paused').forEach((upload) => upload.wake?.());
    render();
  });
  addEventListener('offline', render);
  addEventListener('beforeunload', (event) => {
    if (unfinished().length > 0) event.preventDefault();
  });
}

if (form) {
  listenToChoosing();
  listenToDropping();
  listenToConnection();
  showCutOff();
}
