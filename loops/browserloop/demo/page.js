"use strict";

// The program runs twice, as it was built with each tag.
const loaded = [];
document.addEventListener("loaded", ({ detail: tag }) => {
	loaded.push(tag);
	if (loaded.length === 2) {
		runAll();
	}
});
for (const tag of ["deferred", "future"]) {
	const go = new Go();
	WebAssembly.instantiateStreaming(fetch(`${tag}.wasm`), go.importObject).then(({ instance }) => go.run(instance));
}

const button = document.querySelector("button");
button.addEventListener("click", runAll);

async function runAll() {
	button.disabled = true;
	delete document.body.dataset.state;
	await Promise.all([deferred.run(), future.run()]);
	button.disabled = false;
	document.body.dataset.state = "done";
}
