// Before anything is painted: the colours that were chosen here. The system's choice needs no mark.

(() => {
  try {
    const chosen = localStorage.getItem("bwx-theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch {
    // A browser that keeps nothing shows the system's colours.
  }
})();
