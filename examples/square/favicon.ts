/** The mark of the square, for the browser's tab. */
export const FAVICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">
<style>rect{fill:#1d1c19}@media(prefers-color-scheme:dark){rect{fill:#ece9e2}}</style>
<rect x="1.5" y="1.5" width="9.5" height="9.5" rx="2"/>
<rect x="1.5" y="13" width="9.5" height="9.5" rx="2"/>
<rect x="13" y="13" width="9.5" height="9.5" rx="2"/>
<circle fill="#1a9a86" cx="17.75" cy="6.25" r="4.75"/>
</svg>`;
