/** The style sheet of the pages: system fonts, a light and a dark set of colours, nothing to load. */
export const pageStyle = `
  :root {
    color-scheme: light dark;
    --ground: #f4f5f7; --card: #fff; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --field: #868e96;
    --accent: #0b57b5; --on-accent: #fff; --good: #176b3a; --good-ground: #e4f4ea; --bad: #b42318; --bad-ground: #fdeceb;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --ground: #14171b; --card: #1c2026; --ink: #e7eaee; --soft: #a3adb8; --line: #363d46; --field: #7d8792;
      --accent: #8ebcff; --on-accent: #10213a; --good: #7fd7a1; --good-ground: #16301f; --bad: #ffa198; --bad-ground: #3b1a19;
    }
  }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
  header, main { max-width: 34rem; margin: 0 auto; padding: 0 1rem; }
  header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; min-height: 4rem; }
  header > a { color: inherit; font-weight: 600; text-decoration: none; overflow-wrap: anywhere; }
  main { padding-bottom: 3rem; }
  h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0; }
  h2 { font-size: 1.15rem; margin: 0 0 .75rem; }
  p { margin: 0 0 .75rem; }
  a { color: var(--accent); }
  section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem; margin: 0 0 1rem; }
  section > :last-child, form > :last-child { margin-bottom: 0; }
  section > form + p, section > form + form { margin-top: 1rem; }
  .field { margin: 0 0 1rem; }
  label { display: block; font-weight: 600; }
  .hint, .soft { color: var(--soft); font-size: .9rem; margin: 0; }
  input { width: 100%; min-height: 2.75rem; margin-top: .25rem; padding: .5rem .75rem; font: inherit;
    color: inherit; background: var(--card); border: 1px solid var(--field); border-radius: .5rem; }
  input[aria-invalid] { border: 2px solid var(--bad); }
  .reasons { margin: 0; padding-left: 1.1rem; color: var(--bad); font-size: .9rem; }
  button { min-height: 2.75rem; white-space: nowrap; padding: .5rem 1.1rem; font: inherit; font-weight: 600; cursor: pointer;
    color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .5rem; }
  a.button { display: block; min-height: 2.75rem; padding: .5rem 1.1rem; font-weight: 600; text-align: center; text-decoration: none;
    border: 1px solid var(--line); border-radius: .5rem; overflow-wrap: anywhere; }
  .offers { list-style: none; margin: 0; padding: 0; }
  .offers li + li { margin-top: .75rem; }
  button.quiet { color: var(--accent); background: transparent; border-color: var(--line); }
  button:hover { filter: brightness(1.08); }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  .notice, .summary { border-radius: .75rem; padding: .9rem 1.25rem; margin: 0 0 1rem; }
  .notice { color: var(--good); background: var(--good-ground); border: 1px solid var(--good); }
  .summary { color: var(--bad); background: var(--bad-ground); border: 1px solid var(--bad); }
  .summary a { color: inherit; }
  .summary ul { margin: 0; padding-left: 1.1rem; }
  .summary > :last-child { margin-bottom: 0; }
  dl { margin: 0; }
  dt { color: var(--soft); font-size: .9rem; }
  dd { margin: 0; overflow-wrap: anywhere; }
  dd + dt { margin-top: .5rem; }
  .good { color: var(--good); }
  .bad { color: var(--bad); }
  .devices { list-style: none; margin: 0 0 1rem; padding: 0; }
  .devices li { display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding: .75rem 0; border-bottom: 1px solid var(--line); }
  .devices li:first-child { padding-top: 0; }
  .devices p { margin: 0; overflow-wrap: anywhere; }
  .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;
