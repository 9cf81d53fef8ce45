// The icons, as paths on a 24 x 24 grid drawn by strokes. Decoration only: names are given by the elements around.

const SVG = 'http://www.w3.org/2000/svg';

/** @type {Record<string, string>} */
const PATHS = {
  desk: 'M4 5h16v11H9l-5 4z',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.4-3.6 2.9-5.5 6.5-5.5s6.100 1.900 6.500 5.500M16 4.500a3.200 3.200 0 0 1 0 6.200M18 14.800c2 .7 3.200 2.400 3.500 5.200',
  audit: 'M6 3h9l4 4v14H6zM14 3v5h5M9 12h6M9 16h6',
  pulse: 'M3 12h4l3-8 4 16 3-8h4',
  gear: 'M12 15.200a3.200 3.200 0 1 0 0-6.400 3.200 3.200 0 0 0 0 6.400zM12 2.800v3M12 18.200v3M2.800 12h3M18.200 12h3M5.500 5.500l2.100 2.100M16.400 16.400l2.100 2.100M18.500 5.500l-2.100 2.100M7.600 16.400l-2.100 2.100',
  bell: 'M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 20.500a2.200 2.200 0 0 0 4 0',
  search: 'M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500L20.500 20.500',
  filter: 'M4 6h16M7 12h10M10 18h4',
  close: 'M6 6l12 12M18 6L6 18',
  back: 'M14.500 5l-7 7 7 7',
  down: 'M6 9.500l6 6 6-6',
  right: 'M9.500 6l6 6-6 6',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  send: 'M4 4.500l17 7.500-17 7.500 3-7.500zM7 12h14',
  note: 'M5 4h14v10l-5 6H5zM14 20v-6h5',
  reply: 'M9.500 6L4 11.500 9.500 17M4 11.500h9.500c4 0 6.500 2.500 6.500 7',
  quote: 'M5 17c2.500-1 4-3 4-6H5V6h6v5c0 4-2 7-5 8zM14 17c2.500-1 4-3 4-6h-4V6h6v5c0 4-2 7-5 8z',
  heart: 'M12 20S3.500 15 3.500 9A4.500 4.500 0 0 1 12 7a4.500 4.500 0 0 1 8.500 2c0 6-8.500 11-8.500 11z',
  ban: 'M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17zM6 6l12 12',
  mask: 'M3 12s3.500-6 9-6 9 6 9 6-3.500 6-9 6-9-6-9-6zM4 4l16 16',
  link: 'M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700L12 7M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700L12 17',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  clip: 'M19 11.500l-7.500 7.500a4.600 4.600 0 0 1-6.500-6.500l8-8a3 3 0 0 1 4.300 4.300l-8 8a1.500 1.500 0 0 1-2.100-2.100l7-7',
  bolt: 'M13 3L5 13.500h6L10 21l9-11h-6z',
  clock: 'M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17zM12 7.500V12l3 2.500',
  hourglass: 'M7 3.500h10M7 20.500h10M8 3.500v4l4 4.500 4-4.500v-4M8 20.500v-4l4-4.500 4 4.500v4',
  alarm: 'M8.500 3.500h7l5 5v7l-5 5h-7l-5-5v-7zM12 8v5M12 16.200v.1',
  lock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  pause: 'M8.500 5.500v13M15.500 5.500v13',
  user: 'M12 11.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20.500c.6-4 3.500-6 7.500-6s6.900 2 7.500 6',
  team: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM16 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.500 19c.4-3.300 2.500-5 5.500-5s5 1.700 5.500 5M14 14.200c3.600-.8 6.900.7 7.500 4.800',
  tag: 'M4 4h8l8 8-8 8-8-8zM8 8h.01',
  plus: 'M12 5v14M5 12h14',
  pencil: 'M4 20l1-4L16 5l3 3L8 19z',
  trash: 'M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13',
  panel: 'M4 5h16v14H4zM15 5v14',
  help: 'M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17zM9.500 9.500a2.500 2.500 0 1 1 3.500 2.300c-.7.300-1 .8-1 1.700M12 16.500v.1',
  exit: 'M14 4H5v16h9M10 12h11M17.500 8.500L21 12l-3.500 3.500',
  sliders: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 9.500v-5M8 19.500v-5',
  refresh: 'M20 11a8 8 0 0 0-14.500-3.500L4 9M4 4v5h5M4 13a8 8 0 0 0 14.500 3.500L20 15M20 20v-5h-5',
  warn: 'M12 4l9 16H3zM12 10v5M12 17.500v.1',
  inbox: 'M4 13l3-8h10l3 8v6H4zM4 13h5l1.500 2.500h3L15 13h5',
  globe: 'M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17zM3.500 12h17M12 3.500c3 3 3 14 0 17M12 3.500c-3 3-3 14 0 17',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  play: 'M7 5l12 7-12 7z',
  undo: 'M8 5L4 9l4 4M4 9h10a5.500 5.500 0 0 1 0 11h-4',
  twitter: 'M4 4l16 16M20 4L4 20',
  facebook: 'M14 21v-8h3l.5-4H14V7c0-1.200.6-2 2-2h1.500V2M10 21v-8H7.500V9H10V7c0-3 1.500-5 4.500-5',
  instagram: 'M4 4h16v16H4zM12 15.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM17 7h.01',
  whats_app: 'M4 20l1.200-4A8 8 0 1 1 8.500 19zM9 9c0 3.500 2.500 6 6 6l1-1.500-2-1-1 .8a4 4 0 0 1-2-2l.8-1-1-2z',
  sms: 'M4 5h16v11h-8l-4 4v-4H4zM8.500 10.500h.01M12 10.500h.01M15.500 10.500h.01',
  email: 'M3.500 6h17v12h-17zM3.500 7l8.500 6.500L20.500 7',
  web_chat: 'M4 5h16v11H9l-5 4zM8 9h8M8 12h5',
  generic: 'M5 12a7 7 0 0 1 14 0M8.500 12a3.500 3.500 0 0 1 7 0M12 12v8',
};

/** An icon of that name. @param {string} name @returns {SVGElement} */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', name === 'more' ? 'icon dots' : 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name] ?? PATHS.generic);
  svg.append(path);
  return svg;
}

/** The mark of the product: a ball of thread. @returns {SVGElement} */
export function mark() {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 32 32');
  svg.setAttribute('class', 'mark');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of ['M16 3a13 13 0 1 0 0 26 13 13 0 0 0 0-26z', 'M5 10c7-2 16 1 21 9M4 16c6-3 15 0 19 9M9 6c6-1 14 3 19 10', 'M23 5C17 9 13 17 15 28.500M27 10c-5 3-8 9-7 17']) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}
