// A person at this page, for tests of `airbot reconnect`: presses the form's button as
// soon as the site says that somebody is there.
const asked = setInterval(async () => {
  const answer = await fetch('/_sandbox/person');
  if (!(await answer.json()).there) return;
  clearInterval(asked);
  document.querySelectorAll('form [type=checkbox]').forEach(box => { box.checked = true; });
  document.querySelector('form button').click();
}, 200);
