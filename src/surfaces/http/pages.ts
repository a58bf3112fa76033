import { createHash } from 'node:crypto';

/** A page of our own and the policy that lets exactly its own script and style run (CSP level 3). */
export interface Page {
  readonly html: string;
  readonly policy: string;
}

const STYLE = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:34rem;margin:12vh auto;padding:0 1.25rem}
button{font:inherit;padding:.6rem 1.2rem;border-radius:.4rem;border:1px solid;cursor:pointer}
button:focus-visible{outline:3px solid;outline-offset:3px}
dt{font-weight:600}dd{margin:0 0 .6rem}
[role=status],[role=alert]{min-height:1.5rem}
`;

/**
 * The code stands in the fragment, which no browser sends anywhere; it leaves the address bar and this page's history
 * before anything else happens. A person has to press the button, so that nobody is logged in by a link they
 * only looked at.
 */
const LOGIN_SCRIPT = `
'use strict';
let code=location.hash.slice(1);
history.replaceState(null,'','/login');
const button=document.getElementById('go');
const told=document.getElementById('told');
const tell=(text)=>{told.textContent=text;};
if(code===''){button.disabled=true;tell('This page needs the link that "gatehouse login" printed.');}
button.addEventListener('click',async()=>{
  button.disabled=true;
  tell('Logging in.');
  try{
    const answer=await fetch('/login/session',{method:'POST',headers:{'content-type':'application/json'},body:JSON.stringify({code}),credentials:'same-origin'});
    code='';
    if(answer.ok){location.replace('/session');return;}
    const body=await answer.json();
    tell(body.error.message+'. '+(body.error.fix||''));
  }catch{button.disabled=code==='';tell('The gateway did not answer. Try again.');}
});
`;

const SESSION_SCRIPT = `
'use strict';
const told=document.getElementById('told');
const facts=document.getElementById('facts');
const button=document.getElementById('end');
const row=(name,value)=>{const dt=document.createElement('dt');dt.textContent=name;const dd=document.createElement('dd');dd.textContent=value;facts.append(dt,dd);};
const away=(text)=>{facts.replaceChildren();button.hidden=true;told.textContent=text;};
(async()=>{
  try{
    const answer=await fetch('/login/session',{credentials:'same-origin'});
    if(!answer.ok){away('You are not logged in. Run "gatehouse login" and open the link.');return;}
    const {session}=await answer.json();
    row('You are',session.name);
    row('You may',session.scopes.join(', ')||'nothing');
    row('Agents',session.agents.join(', ')||'none');
    row('Ends without activity at',new Date(session.idleUntil).toLocaleString());
    row('Ends in any case at',new Date(session.expiresAt).toLocaleString());
    button.hidden=false;
  }catch{away('The gateway did not answer.');}
})();
button.addEventListener('click',async()=>{
  button.disabled=true;
  try{await fetch('/login/session',{method:'DELETE',credentials:'same-origin'});away('You are logged out.');}
  catch{button.disabled=false;told.textContent='The gateway did not answer. You are still logged in.';}
});
`;

function page(title: string, body: string, script: string): Page {
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="referrer" content="no-referrer"><title>${title}</title><style>${STYLE}</style></head>
<body><main>
${body}
</main><script>${script}</script></body>
</html>
`;
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(STYLE)}'`,
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
  return { html, policy };
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

export const LOGIN_PAGE = page(
  'Log in to Gatehouse',
  `<h1>Log in to Gatehouse</h1>
<p>Continue only if you made this link yourself, with <code>gatehouse login</code>.</p>
<p><button id="go" type="button">Log in</button></p>
<p id="told" role="status" aria-live="polite"></p>`,
  LOGIN_SCRIPT,
);

export const SESSION_PAGE = page(
  'Gatehouse session',
  `<h1>Your session</h1>
<dl id="facts"></dl>
<p><button id="end" type="button" hidden>Log out</button></p>
<p id="told" role="status" aria-live="polite"></p>`,
  SESSION_SCRIPT,
);
