// What script adds to the owner's site; each of its pages works without it.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const { token } = document.body.dataset;

function make(name, properties, ...parts) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...parts);
  return element;
}

/** An icon that the page has. */
function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('class', 'i');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`everlink:${name}`, { detail }));
const toast = (text, more) => tell('toast', { text, ...more });

// What was done is told once, not whenever the page is loaded again.
const address = new URL(location.href);
for (const told of ['done', 'removed', 'gone']) address.searchParams.delete(told);
if (address.href !== location.href) history.replaceState(history.state, '', address);

// A page that the browser has kept would show, after signing out, what was there before.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());

// ---- The server

/** It has been told already what went wrong. */
class Told extends Error {}

/** The page that answers: what a link leads to, or what a form does. */
async function ask(url, fields) {
  const answer = await fetch(url, {
    method: fields ? 'POST' : 'GET',
    body: fields && new URLSearchParams(fields),
    headers: { Accept: 'text/html', 'X-Everlink-Token': token },
  }).catch(() => {
    toast('The server can’t be reached. Try again in a minute.', { bad: true });
    throw new Told();
  });
  if (answer.status === 401 || new URL(answer.url).pathname === '/signin') {
    signedOut();
    throw new Told();
  }
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  return { url: answer.url, page, isFine: answer.ok, notice: noticeOf(page) };
}

/** What a page says of what was done. */
function noticeOf(page) {
  const note = $('#main > .note, .about > .note', page);
  return note && { text: note.textContent.trim(), isBad: note.matches('.d') };
}

function fieldsOf(form, submitter) {
  const fields = new FormData(form);
  if (submitter?.name) fields.append(submitter.name, submitter.value);
  return fields;
}

function signedOut() {
  $('#signed-out')?.remove();
  const to = encodeURIComponent(location.pathname + location.search);
  const note = make('p', { id: 'signed-out', className: 'note wn' }, make('span', {},
    make('b', { textContent: 'You were signed out.' }), ' ',
    make('a', { href: `/signin?to=${to}`, textContent: 'Sign in' }), ' and go on.'));
  note.setAttribute('role', 'alert');
  if (dialog) dialog.prepend(note);
  else ($('#main > .head') ?? $('#main').firstElementChild).after(note);
  $('a', note).focus();
}
document.addEventListener('everlink:signed-out', signedOut);

/** Runs something that asks the server; one thing at a time, and problems are told. */
let isBusy = false;
async function run(work) {
  if (isBusy) return;
  isBusy = true;
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof Told)) throw problem;
  } finally {
    isBusy = false;
  }
}

// ---- The list

const CONTROLS = ['.nm a', '.share', '[data-more]', '.c input', '.tag'];

/** How to find what has the focus again in a list that has come anew. */
function placeOf(element) {
  const number = element?.closest?.('[data-item]')?.dataset.item;
  const control = CONTROLS.find((selector) => element?.matches?.(selector));
  return () => $(`[data-item="${number}"] ${control}`)?.focus();
}

/** Puts what a page shows now in the place of what it showed. */
function swap(page) {
  const again = placeOf(document.activeElement);
  const checked = new Set($$('[data-select] tbody .ck:checked').map((box) => box.value));
  const fresh = $$('[data-listing]', page);
  $$('[data-listing]').forEach((region, at) => fresh[at] && region.replaceWith(document.adoptNode(fresh[at])));
  for (const box of $$('[data-select] tbody .ck')) box.checked = checked.has(box.value);
  tell('listing');
  if (!dialog && document.activeElement === document.body) again();
}

async function refresh() {
  const { page, isFine } = await ask(location.href);
  if (isFine) swap(page);
}

/** The row that the keyboard is at, or the one that is selected. */
function rowNow(target) {
  const row = target.closest?.('[data-item]');
  const rows = selected();
  return row ?? (rows.length === 1 ? rows[0] : $('.about [data-item]'));
}

const selected = () => $$('tr[data-item]').filter((row) => $('.ck', row).checked);
const nameOf = (row) => ($('.nm bdi', row) ?? $('h1 bdi')).textContent;
const actionsOf = (row) => $('[data-more]', row).href;

function focusHeading() {
  const heading = $('h1');
  heading.tabIndex = -1;
  heading.focus();
}

// ---- What is lifted over the page: the card of another page, whose links and forms stay in it

let dialog;

function lift(url, part) {
  return run(async () => {
    const { page } = await ask(url);
    const card = cardOf(page, part);
    if (!card) return location.assign(url);
    return show(card, part);
  });
}

const cardOf = (page, part) => $(`[data-sheet-of="${part}"]`, page);

function show(card, part) {
  if (!dialog) {
    const opener = document.activeElement;
    const again = placeOf(opener);
    dialog = make('dialog', { className: part === 'sharing' ? 'sheet pane' : 'dlg' });
    dialog.onclick = pressed;
    dialog.onsubmit = submitted;
    dialog.onclose = () => {
      const { hasChanged } = dialog;
      // Else what it tells would go with it.
      document.body.append($('.toasts'));
      dialog.remove();
      dialog = undefined;
      if (opener.isConnected) opener.focus();
      else again();
      if (hasChanged && $('[data-listing]')) run(refresh);
    };
    document.body.append(dialog);
    dialog.dataset.part = part;
    fill(card);
    dialog.showModal();
  } else {
    fill(card);
  }
  focusIn(card);
}

function fill(card) {
  dialog.replaceChildren(document.adoptNode(card));
  for (const button of $$('[data-close]', card)) button.hidden = false;
  const heading = $('h1, h2', card);
  heading.id ||= 'lifted';
  heading.tabIndex = -1;
  // Two elements of one name: the page may have that one, too.
  heading.id = `${heading.id}-here`;
  card.removeAttribute('aria-labelledby');
  dialog.setAttribute('aria-labelledby', heading.id);
  tell('shown', card);
}

function focusIn(card) {
  const field = $('[data-focus]', card);
  ($('[autofocus]', card) ?? field ?? $('h1, h2', card)).focus();
  // A name is changed, its ending rarely.
  if (field) field.setSelectionRange(0, field.value.lastIndexOf('.') > 0 ? field.value.lastIndexOf('.') : 999);
}

function pressed(event) {
  if (event.target === dialog || event.target.closest('[data-close]')) {
    event.preventDefault();
    return dialog.close();
  }
  const link = event.target.closest('a[data-within]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return undefined;
  event.preventDefault();
  return run(async () => {
    const index = $$('.lk', dialog).findIndex((card) => card.matches('.rm'));
    const { page } = await ask(link.href);
    const card = cardOf(page, dialog.dataset.part);
    if (!card) return location.assign(link.href);
    show(card, dialog.dataset.part);
    // «Keep it» goes back to where it was asked.
    if (index >= 0) $$('.lk .dgr', dialog)[index]?.focus();
    return undefined;
  });
}

function submitted(event) {
  event.preventDefault();
  const { target: form, submitter } = event;
  const doing = submitter?.value;
  const index = $$('.lk', dialog).indexOf(form.closest('.lk'));
  run(async () => {
    const { page, url, notice } = await ask(form.action, fieldsOf(form, submitter));
    const card = cardOf(page, dialog.dataset.part);
    dialog.hasChanged ||= doing !== 'ask';
    const isRefused = notice?.isBad && dialog.dataset.part !== 'confirm';
    if (card) show(card, dialog.dataset.part);
    // What was written stays, to be mended.
    else if (!isRefused) return done(url, notice);
    $('.note[role=alert]', dialog)?.remove();
    if (isRefused) dialog.prepend(noteOf(notice.text));
    else if (notice) toast(notice.text);
    if (doing === 'remove') ($$('.lk h3', dialog)[index] ?? $('[data-links]', dialog)).focus();
    if (doing === 'share') await created();
    return undefined;
  });
}

function noteOf(text) {
  const note = make('p', { className: 'note d' }, make('span', { textContent: text }));
  note.setAttribute('role', 'alert');
  return note;
}

/** Nothing is left of what was asked in the dialog. */
async function done(url, notice) {
  // The list of the page comes anew; what isn't a list has become another page.
  dialog.hasChanged = false;
  const isConfirm = dialog.dataset.part === 'confirm';
  dialog.close();
  if (!$('[data-listing]')) return location.assign(url);
  await refresh();
  if (isConfirm) focusHeading();
  if (notice) toast(notice.text, { bad: notice.isBad });
  return undefined;
}

/** The link that has just been made, or found, is what one wants to send. */
async function created() {
  const card = $('.lk.new', dialog);
  if (!card) return;
  $('h3', card).focus();
  try {
    await navigator.clipboard.writeText($('[data-copy]', card).dataset.copy);
    $('[data-answer] b', dialog).append(' and copied');
  } catch { /* It stands there with a button. */ }
}

// ---- Forms of the page that need no page of their own

document.addEventListener('submit', (event) => {
  const { target: form, submitter } = event;
  const isDeleting = form.matches('[data-select]') && submitter?.value === 'delete';
  if (form.closest('dialog') || !(isDeleting || form.matches('[data-fetch]'))) return;
  event.preventDefault();
  if (isDeleting) remove(selected());
  else {
    run(async () => {
      const { page, notice } = await ask(form.action, fieldsOf(form, submitter));
      const card = cardOf(page, 'confirm');
      if (card) return show(card, 'confirm');
      await refresh();
      if (document.activeElement === document.body) focusHeading();
      if (notice) toast(notice.text, { bad: notice.isBad });
      return undefined;
    });
  }
});

// ---- Into the bin, and back

function remove(rows) {
  if (rows.length === 0) return;
  const isPage = !rows[0].matches('tr');
  const [{ sectionRowIndex: at }] = rows;
  const what = rows.map((row) => ({ name: nameOf(row), number: row.dataset.item, url: actionsOf(row) }));
  run(async () => {
    const gone = [];
    let page;
    for (const one of what) {
      const answer = await ask(one.url, { token, do: 'delete' });
      if (answer.isFine && !answer.notice?.isBad) gone.push(one);
      else toast(answer.notice?.text ?? `“${one.name}” can’t be deleted.`, { bad: true });
      page = answer.url;
    }
    if (isPage && gone.length > 0) return location.assign(page);
    await refresh();
    if (document.activeElement === document.body) ($$('.t .nm a')[at] ?? $('.t tbody tr:last-child .nm a'))?.focus();
    if (document.activeElement === document.body) focusHeading();
    if (gone.length === 0) return undefined;
    const text = gone.length === 1 ? `“${gone[0].name}” is` : `${gone.length} items are`;
    return toast(`${text} in the recycle bin`, { action: 'Undo', act: () => restore(gone) });
  });
}

function restore(gone) {
  run(async () => {
    for (const { number } of gone) {
      const { notice } = await ask('/my/bin', { token, do: 'restore', item: number });
      // It has another name now, or it couldn't be done.
      if (notice) toast(notice.text, { bad: notice.isBad });
    }
    await refresh();
    $(`[data-item="${gone[0].number}"] .nm a`)?.focus();
  });
}

// ---- The menu of an item: one for the page

let menu;
let closed = { at: -Infinity };

function openMenu(opener) {
  const row = opener.closest('[data-item]');
  const { download, versions } = opener.dataset;
  const button = (name, text, act, more) => Object.assign(make('button', { type: 'button', onclick: act, ...more },
    icon(name), text));
  const link = (name, text, href, more) => make('a', { href, ...more }, icon(name), text);
  const sharing = $('.share', row).href;
  const items = [
    button('link', 'Share', () => lift(sharing, 'sharing')),
    link('download', 'Download', download, { download: '' }),
    button('pen', 'Rename', () => lift(opener.href, 'rename')),
    button('move', 'Move to…', () => lift(opener.href, 'move')),
    versions && link('clock', 'Versions', versions),
    button('trash', 'Delete', () => remove([row]), { className: 'dgr' }),
  ].filter(Boolean);
  menu = make('div', { className: 'menu card', popover: 'auto' }, ...items);
  menu.setAttribute('role', 'menu');
  menu.setAttribute('aria-label', `Actions for ${nameOf(row)}`);
  for (const item of items) {
    item.setAttribute('role', 'menuitem');
    item.tabIndex = -1;
  }
  // Before what it does, so that what it does can give the focus back to the row.
  menu.addEventListener('click', ({ target }) => target !== menu && closeMenu(), { capture: true });
  menu.onkeydown = (event) => inMenu(event, items);
  menu.onbeforetoggle = ({ newState, target, timeStamp }) => {
    if (newState === 'open') return;
    closed = { at: timeStamp, opener };
    opener.setAttribute('aria-expanded', 'false');
    menu = undefined;
    target.ontoggle = () => target.remove();
  };
  opener.setAttribute('aria-expanded', 'true');
  $('#main').append(menu);
  menu.showPopover();
  place(menu, opener.getBoundingClientRect());
  items[0].focus();
}

function closeMenu() {
  const opener = $('[data-more][aria-expanded=true]');
  menu.hidePopover();
  opener?.focus();
}

/** Below what opens it, or above where there is no room. */
function place({ style, offsetHeight, offsetWidth }, { top, bottom, right }) {
  const below = bottom + 4;
  const above = Math.max(8, top - 4 - offsetHeight);
  style.top = `${below + offsetHeight > innerHeight - 8 ? above : below}px`;
  style.left = `${Math.max(8, right - offsetWidth)}px`;
}

function inMenu(event, items) {
  const at = items.indexOf(document.activeElement);
  const letter = event.key.length === 1 && event.key !== ' ' && event.key.toLowerCase();
  const begins = (item) => item.textContent.trim().toLowerCase().startsWith(letter);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key]
    ?? (letter ? items.findIndex(begins) : -1);
  event.stopPropagation();
  if (to >= 0) items[to % items.length].focus();
  else if (event.key === ' ') document.activeElement.click();
  else if (event.key === 'Tab' || event.key === 'Escape') closeMenu();
  else return;
  event.preventDefault();
}

// ---- Links

/** Copies the first link of an item; where there is none, its sharing is shown. */
async function copyLink(row) {
  const sharing = $('.share', row).href;
  const found = ask(sharing).then(({ page }) => {
    const address = $('.lk [data-copy]', page)?.dataset.copy;
    if (!address) throw new Error('It has no link.');
    return address;
  });
  try {
    // Some browsers copy only what was promised when the key was pressed.
    if (globalThis.ClipboardItem && navigator.clipboard?.write) {
      const text = found.then((address) => new Blob([address], { type: 'text/plain' }));
      await navigator.clipboard.write([new ClipboardItem({ 'text/plain': text })]);
    } else {
      await navigator.clipboard.writeText(await found);
    }
    toast('Link copied');
  } catch {
    const wasTold = await found.then(() => false, (problem) => problem instanceof Told);
    if (!wasTold) lift(sharing, 'sharing');
  }
}

// ---- Moving by dragging

let dragged = [];

/** The folder that something is dragged over, by its number. */
function folderAt(target) {
  const place = target.closest?.('tr[data-folder], .crumbs a');
  if (!place || dragged.length === 0 || dragged.includes(place)) return undefined;
  const number = place.dataset.item ?? place.pathname.match(/^\/my\/(\d+)$/)?.[1]
    ?? (place.pathname === '/my' ? $('[data-root]')?.dataset.root : undefined);
  return number && { place, number, name: $('bdi', place).textContent };
}

const mark = (place) => $$('.into').concat(place ?? []).forEach((one) => one.classList.toggle('into', one === place));

document.addEventListener('dragstart', ({ target, dataTransfer }) => {
  const row = target.closest?.('tr[data-item]');
  if (!row) return;
  const chosen = selected();
  dragged = chosen.includes(row) ? chosen : [row];
  dataTransfer.effectAllowed = 'move';
  dataTransfer.setData('text/plain', dragged.map(nameOf).join('\n'));
  dataTransfer.setDragImage($('.what', row), 0, 0);
});
document.addEventListener('dragover', (event) => {
  if (dragged.length === 0) return;
  const folder = folderAt(event.target);
  mark(folder?.place);
  if (folder) event.preventDefault();
});
document.addEventListener('dragend', () => {
  dragged = [];
  mark();
});
document.addEventListener('drop', (event) => {
  const folder = folderAt(event.target);
  if (!folder) return;
  event.preventDefault();
  const what = dragged.map((row) => ({ name: nameOf(row), url: actionsOf(row) }));
  run(async () => {
    const moved = [];
    for (const one of what) {
      const { isFine, notice } = await ask(one.url, { token, do: 'move', into: folder.number });
      if (isFine && !notice?.isBad) moved.push(one);
      else toast(notice?.text ?? `“${one.name}” can’t be moved.`, { bad: true });
    }
    await refresh();
    if (moved.length === 0) return;
    toast(`${moved.length === 1 ? `“${moved[0].name}” is` : `${moved.length} items are`} in “${folder.name}” now`);
  });
});

// ---- Pointing

document.addEventListener('click', (event) => {
  const { target } = event;
  const popped = $('details.pop[open]');
  if (popped && !popped.contains(target)) popped.open = false;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button || event.defaultPrevented) return;
  const press = target.closest('[data-press]');
  if (press) return $(press.dataset.press).click();
  const link = target.closest('a[data-lift], [data-more]');
  if (!link || link.closest('dialog')) return;
  if (link.dataset.lift) {
    event.preventDefault();
    lift(link.href, link.dataset.lift);
  } else if (HTMLElement.prototype.showPopover) {
    event.preventDefault();
    // The same press has closed it a moment ago.
    if (closed.opener !== link || event.timeStamp - closed.at > 300 || !event.detail) openMenu(link);
  }
});

$('[data-filter]')?.addEventListener('change', ({ target, currentTarget }) => {
  if (target.matches('select')) currentTarget.requestSubmit();
});

// ---- Keys, beside those that all pages have

function lettersAreOff() {
  try {
    return localStorage.getItem('everlink.letters-off') !== null;
  } catch {
    return false;
  }
}

/** What a key does; nothing where it does nothing. */
function actOf(event, row) {
  const { key } = event;
  if (event.altKey || event.shiftKey) return undefined;
  if (event.ctrlKey || event.metaKey) {
    return key === 'c' && row && String(getSelection()) === '' ? () => copyLink(row) : undefined;
  }
  const rows = selected();
  const acts = {
    '/': () => $('[data-search]').focus(),
    s: row && (() => lift($('.share', row).href, 'sharing')),
    F2: row && (() => lift(actionsOf(row), 'rename')),
    Delete: (rows.length > 0 || row) && (() => remove(rows.length > 0 ? rows : [row])),
  };
  return Object.hasOwn(acts, key) && !(key.length === 1 && lettersAreOff()) ? acts[key] : undefined;
}

// Before the keys of all pages: `s` is there the first button that has it.
document.addEventListener('keydown', (event) => {
  const { target, key } = event;
  if (event.isComposing || $('dialog[open]') || menu) return;
  if (target.matches('textarea, select, input:not([type=checkbox], [type=radio], [type=file])')) return;
  if (key === ' ' && target.matches('[data-more]')) {
    event.preventDefault();
    target.click();
    return;
  }
  const act = actOf(event, rowNow(target));
  if (!act) return;
  event.preventDefault();
  act();
}, { capture: true });

document.addEventListener('everlink:keys', ({ detail: keys }) => {
  keys.push(['/', 'Search my files']);
  if (!$('.share')) return;
  keys.push(['s', 'Share'], ['F2', 'Rename'], ['Delete', 'Into the recycle bin'], ['Ctrl C', 'Copy the link']);
});

// ---- What a list needs

function take() {
  for (const row of $$('tr[data-item]')) row.draggable = true;
  for (const link of $$('[data-more]')) {
    link.setAttribute('role', 'button');
    link.setAttribute('aria-haspopup', 'menu');
    link.setAttribute('aria-expanded', 'false');
  }
  for (const button of $$('[data-press]')) button.hidden = $(button.dataset.press)?.hidden ?? true;
}
take();
document.addEventListener('everlink:listing', take);
document.addEventListener('everlink:selected', ({ detail }) => {
  const label = $('[data-remove]');
  if (label) label.textContent = detail === 1 ? 'Remove link' : `Remove ${detail} links`;
});
