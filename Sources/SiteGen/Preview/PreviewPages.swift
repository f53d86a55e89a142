import PortalBase

/// What the preview adds to pages, and its own page with all audiences beside one another.
enum PreviewPages {
    /// Reloads the page when the tree changed, and shows what is wrong on top of it.
    static let script = """
        const show = (list) => {
          document.getElementById("xm-preview-errors")?.remove();
          if (!list.length) return;
          const box = document.createElement("section");
          box.id = "xm-preview-errors";
          box.setAttribute("role", "alert");
          Object.assign(box.style, { position: "fixed", inset: "auto 0 0 0", maxHeight: "45vh", overflow: "auto",
            background: "#2b0f0f", color: "#fff", font: "14px/1.6 monospace", padding: "12px 16px", zIndex: 9999 });
          for (const item of list) {
            const line = document.createElement("p");
            line.textContent = item.line;
            line.style.margin = "0 0 6px";
            line.style.color = item.severity === "error" ? "#ffb4a9" : "#ffe08a";
            box.append(line);
          }
          document.body.append(box);
        };
        const errors = async () => {
          const answer = await fetch("/_preview/errors?path=" + encodeURIComponent(location.pathname));
          show(await answer.json());
        };
        errors();
        const after = new URL(import.meta.url).searchParams.get("after");
        new EventSource("/_preview/events?after=" + after).onmessage = () => location.reload();
        """

    static let style = """
        html, body { margin: 0; height: 100%; }
        main { display: flex; height: 100%; }
        figure { flex: 1; margin: 0; display: flex; flex-direction: column; border-right: 2px solid #14508c; }
        figcaption { background: #14508c; color: #fff; font: 15px/2 sans-serif; padding: 0 12px; }
        figcaption a { color: #fff; }
        iframe { flex: 1; border: 0; width: 100%; }
        """

    static func sideBySide(_ variants: [(name: String, port: UInt16)], path: String) -> String {
        let frames = variants.map { variant in
            let address = escapedHTML("http://127.0.0.1:\(variant.port)" + (path.hasPrefix("/") ? path : "/" + path))
            let name = escapedHTML(variant.name)
            return "<figure><figcaption>\(name) <a href=\"\(address)\">\(address)</a></figcaption>"
                + "<iframe src=\"\(address)\" title=\"\(name)\"></iframe></figure>"
        }
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>sitegen</title>
            <link rel="stylesheet" href="/_preview/side.css"></head><body><main>\(frames.joined())</main></body></html>
            """
    }
}
