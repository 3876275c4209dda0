// What script adds to the visitors' pages; each of them works without it.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

/** An element; `parts` are elements and texts. */
function make(name, properties, ...parts) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...parts);
  return element;
}

document.documentElement.classList.add('js');

// What is spoken, and toasts

const spoken = make('p', { className: 'vh', role: 'status' });
const toasts = make('div', { className: 'toasts', role: 'status' });
document.body.append(spoken, toasts);

function say(text) {
  spoken.textContent = text;
  setTimeout(() => { spoken.textContent = ''; }, 2000);
}

function toast(text, { bad = false, action, act } = {}) {
  const shown = make('div', { className: 'toast', role: bad ? 'alert' : null }, make('span', { textContent: text }));
  if (bad) {
    const close = make('button', { className: 'b q', type: 'button', textContent: 'Close' });
    close.onclick = () => shown.remove();
    shown.append(close);
  } else {
    let timer;
    const wait = () => { timer = setTimeout(() => shown.remove(), act ? 10_000 : 6000); };
    const stay = () => clearTimeout(timer);
    shown.onmouseenter = stay;
    shown.onmouseleave = wait;
    shown.addEventListener('focusin', stay);
    shown.addEventListener('focusout', wait);
    if (act) {
      const button = make('button', { className: 'b q', type: 'button', textContent: action });
      button.onclick = () => {
        shown.remove();
        act();
      };
      shown.append(button);
    }
    wait();
  }
  // A dialog hides what is behind it.
  ($('dialog[open]') ?? document.body).append(toasts);
  toasts.append(shown);
}
document.addEventListener('everlink:toast', ({ detail }) => toast(detail.text, detail));

// Copy

async function copy(button) {
  const field = $('input[readonly]', button.parentElement);
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    if (!field) return toast(button.dataset.copy, { bad: true });
    field.select();
    return;
  }
  const label = $('span', button);
  if (!label) return toast('Link copied');
  const was = label.dataset.was ??= label.textContent;
  label.textContent = 'Copied';
  say('Copied');
  setTimeout(() => { label.textContent = was; }, 2000);
}

// Times

const english = (options) => new Intl.DateTimeFormat('en-GB', options);
const clock = english({ hour: '2-digit', minute: '2-digit' });
const thisYear = english({ day: 'numeric', month: 'long' });
const anyYear = english({ day: 'numeric', month: 'long', year: 'numeric' });

function localTimes(within) {
  const today = new Date();
  const yesterday = new Date();
  yesterday.setDate(today.getDate() - 1);
  for (const time of $$('time[data-local]', within)) {
    const then = new Date(time.dateTime);
    if (isNaN(then)) continue;
    const isFull = time.dataset.local === 'full';
    const isDay = time.dataset.local === 'day';
    const at = `, ${clock.format(then)}`;
    time.title = anyYear.format(then) + at;
    if (then.toDateString() === today.toDateString()) time.textContent = isDay ? 'today' : `Today${at}`;
    else if (then.toDateString() === yesterday.toDateString()) {
      time.textContent = isDay ? 'yesterday' : `Yesterday${at}`;
    } else if (isFull) time.textContent = time.title;
    else time.textContent = (then.getFullYear() === today.getFullYear() ? thisYear : anyYear).format(then);
  }
}

// Dialogs

/** Shows something in a dialog, which is gone once it is closed. */
function open(content, className) {
  const dialog = make('dialog', { className }, content);
  const heading = $('h1, h2', content);
  heading.id ||= 'dialog';
  heading.tabIndex = -1;
  dialog.setAttribute('aria-labelledby', heading.id);
  dialog.onclick = (event) => {
    if (event.target === dialog) return dialog.close();
    if (event.target.closest('[data-close]')) {
      event.preventDefault();
      dialog.close();
    }
  };
  dialog.onclose = () => {
    document.body.append(toasts);
    dialog.remove();
  };
  document.body.append(dialog);
  dialog.showModal();
  heading.focus();
}

/** The card of another page, over this one; or that page, where it can't be had. */
async function sheet(link) {
  try {
    const answer = await fetch(link.href);
    if (!answer.ok) throw answer;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const card = document.adoptNode($('[data-sheet-of]', page));
    prepare(card);
    open(card, 'sheet');
  } catch {
    location.assign(link.href);
  }
}

function prepare(within) {
  for (const button of $$('[data-copy]', within)) button.hidden = false;
  localTimes(within);
}

// What another script shows.
document.addEventListener('everlink:shown', ({ detail }) => prepare(detail));

document.addEventListener('click', (event) => {
  const target = event.target.closest('[data-copy], a[data-sheet]');
  if (!target) return;
  if (target.dataset.copy) return copy(target);
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  sheet(target);
});

// What is selected

const BOX = 'tbody .c .ck';
let list;
let boxes;
let all;

function count() {
  const selected = boxes.filter((box) => box.checked).length;
  all.checked = selected > 0 && selected === boxes.length;
  all.indeterminate = selected > 0 && selected < boxes.length;
  const bar = $('.selbar', list);
  bar.hidden = selected === 0;
  $('[data-count]', bar).textContent = `${selected} selected`;
  document.dispatchEvent(new CustomEvent('everlink:selected', { detail: selected }));
}

function select(some, on) {
  for (const box of some) box.checked = on;
  count();
}

function takeList() {
  list = $('form[data-select]');
  boxes = list ? $$(BOX, list) : [];
  if (!list) return;
  all = $('[data-all]', list);
  all.parentElement.hidden = false;
  const clear = $('[data-clear]', list);
  clear.hidden = false;
  clear.onclick = () => {
    select(boxes, false);
    all.focus();
  };
  list.onchange = ({ target }) => target === all ? select(boxes, all.checked) : count();
  count();
}

// Previews that fail

for (const shown of $$('[data-preview]')) {
  const fail = () => {
    const text = shown.closest('.view').nextElementSibling;
    text.hidden = false;
    shown.closest('.view').remove();
  };
  if (shown.localName === 'object') {
    if (navigator.pdfViewerEnabled === false) fail();
    continue;
  }
  // Where there are sources, the last of them tells.
  ($('source:last-of-type', shown) ?? shown).addEventListener('error', fail);
  shown.addEventListener('error', fail);
  if (shown.localName !== 'img') {
    // Before it begins with its sources it has none, either.
    setTimeout(() => shown.isConnected && shown.networkState === 3 && fail(), 1000);
  } else if (shown.complete && !shown.naturalWidth) fail();
}

// Keys

const OFF = 'everlink.letters-off';
let lettersOff = false;
try { lettersOff = localStorage.getItem(OFF) !== null; } catch { /* where nothing may be kept */ }

const isSeen = (element) => element.getClientRects().length > 0;

/** A file's page goes back to its folder. */
const canLeave = () => $('.file [data-up], .solo [data-up]');

function keys() {
  const has = (key) => $$(`[data-key=${key}]`).some(isSeen);
  const rows = $('table.t');
  const more = [];
  document.dispatchEvent(new CustomEvent('everlink:keys', { detail: more }));
  const shown = [
    rows && ['↑ ↓', 'From row to row'],
    rows && ['Home End', 'First and last row'],
    rows && ['Enter', 'Open'],
    list && ['Space', 'Select'],
    list && ['Shift ↑ ↓', 'Select more'],
    list && ['Ctrl A', 'Select all on this page'],
    (has('ArrowLeft') || has('ArrowRight')) && ['← →', 'Previous and next file'],
    has('d') && ['d', 'Download'],
    has('u') && ['u', 'Upload'],
    has('n') && ['n', 'New folder'],
    list && ['Esc', 'Clear the selection'],
    canLeave() && ['Esc', 'Back to the folder'],
    ...more,
    ['?', 'This list'],
    ['Ctrl /', 'This list, without letters too'],
  ].filter(Boolean);
  const letters = make('input', { type: 'checkbox', className: 'ck', checked: !lettersOff });
  letters.onchange = () => {
    lettersOff = !letters.checked;
    try { lettersOff ? localStorage.setItem(OFF, '1') : localStorage.removeItem(OFF); } catch { /* until it is left */ }
  };
  const close = make('button', { type: 'button', className: 'b', textContent: 'Close' });
  close.dataset.close = '';
  const keycaps = (text) => text.split(' ').flatMap((key) => [make('kbd', { textContent: key }), ' ']);
  open(make('div', { className: 'card' },
    make('h2', { textContent: 'Keyboard' }),
    make('dl', { className: 'keys' }, ...shown.map(([key, what]) =>
      make('div', {}, make('dt', {}, ...keycaps(key)), make('dd', { textContent: what })))),
    make('label', { className: 'tap' }, letters, 'Letters as shortcuts'),
    make('div', { className: 'ft' }, close)), 'dlg');
}

/** What a key does in the list of a folder; whether it did anything. */
function inList(event, row) {
  const rows = [...row.parentElement.rows];
  const at = rows.indexOf(row);
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
  const boxOf = (row) => $('.c .ck', row);
  if (to !== undefined) {
    const next = rows[Math.min(Math.max(to, 0), rows.length - 1)];
    if (event.shiftKey && list) {
      const [from, till] = [at, rows.indexOf(next)].sort((a, b) => a - b);
      select(rows.slice(from, till + 1).map(boxOf), true);
    }
    $('.nm a', next).focus();
    next.scrollIntoView({ block: 'nearest' });
    return true;
  }
  if (event.key === ' ' && list && event.target.matches('.nm a')) {
    select([boxOf(row)], !boxOf(row).checked);
    return true;
  }
  // Else it would send the form.
  if (event.key === 'Enter' && event.target.matches('input')) {
    $('.nm a', row).click();
    return true;
  }
  return false;
}

/** What a key does anywhere; whether it did anything. */
function anywhere(event) {
  const { key, target } = event;
  if ((event.ctrlKey || event.metaKey) && !event.altKey) {
    if (key === '/') {
      keys();
      return true;
    }
    if (key !== 'a' || !list) return false;
    select(boxes, true);
    return true;
  }
  if (event.altKey || event.ctrlKey || event.metaKey) return false;
  if (key === 'Escape') {
    const popped = $('details.pop[open]');
    if (popped) {
      popped.open = false;
      $('summary', popped).focus();
    } else if (boxes.some((box) => box.checked)) {
      select(boxes, false);
    } else if (!document.fullscreenElement) {
      canLeave()?.click();
    }
    return true;
  }
  const isLetter = key.length === 1;
  if (isLetter && lettersOff) return false;
  if (key === '?') {
    keys();
    return true;
  }
  // They move within what is shown.
  if (!isLetter && (event.shiftKey || target.closest('video, audio, object, .view'))) return false;
  const button = /^(Arrow(Left|Right)|[a-z])$/.test(key) && $$(`[data-key=${key}]`).find(isSeen);
  if (!button) return false;
  button.click();
  return true;
}

document.addEventListener('keydown', (event) => {
  const { target } = event;
  if (event.defaultPrevented || event.isComposing || $('dialog[open]')) return;
  const isField = target.matches('textarea, select, input:not([type=checkbox], [type=radio], [type=file])');
  if (isField && event.key !== 'Escape') return;
  const row = target.closest('.t tbody tr');
  if ((row && !event.ctrlKey && !event.metaKey && !event.altKey && inList(event, row)) || anywhere(event)) {
    event.preventDefault();
  }
});

// A telephone has no folders to choose.
for (const button of $$('button.withjs')) {
  button.hidden = 'chooseFolder' in button.dataset && !('webkitdirectory' in HTMLInputElement.prototype);
}
for (const details of $$('details.pop')) {
  details.ontoggle = () => { if (details.open) $('input', details).focus(); };
}

function take() {
  takeList();
  prepare(document);
}
take();
// What was uploaded is in the list now.
document.addEventListener('everlink:listing', take);
// A browser that goes back brings back what was ticked.
addEventListener('pageshow', () => list && count());
