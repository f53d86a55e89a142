import PortalBase

/// What a link or image destination in a page means in one audience's graph.
package enum LinkTarget: Sendable, Equatable {
    /// Another origin, or `mailto:` / `tel:`.
    case external(String)
    /// A place in the same page.
    case fragment(String)
    case page(node: Int, fragment: String?)
    case file(Int)
    /// A path of this origin that is not a source file: checked against the outputs later.
    case path(String)
    /// A source path that this audience does not have, whether or not another has.
    case notShown(source: String)
    /// A scheme that pages may not use.
    case forbidden(scheme: String)
}

extension SiteGraph {
    private static let externalSchemes: Set<String> = ["http", "https", "mailto", "tel"]

    /// Resolves a destination as written in `page`. `.md` targets go to the twin in the page's own language.
    package func resolve(_ destination: String, from page: VisiblePage) -> LinkTarget {
        let (hasColon, hasHash, hasPercent) = Self.marks(destination)
        if hasHash, destination.utf8.first == UInt8(ascii: "#") {
            return .fragment(percentDecoded(destination.dropFirst()) ?? String(destination.dropFirst()))
        }
        if hasColon, let colon = destination.utf8.firstIndex(of: UInt8(ascii: ":")) {
            let scheme = String(destination[..<colon]).lowercased()
            if !scheme.isEmpty,
                scheme.utf8.allSatisfy({ isSlugByte($0) || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: ".") })
            {
                return Self.externalSchemes.contains(scheme) ? .external(destination) : .forbidden(scheme: scheme)
            }
        }
        if destination.hasPrefix("//") { return .forbidden(scheme: "//") }
        let hash = hasHash ? destination.utf8.firstIndex(of: UInt8(ascii: "#")) : nil
        let beforeHash = hash.map { String(destination[..<$0]) } ?? destination
        let fragment = hash.map { String(destination[destination.index(after: $0)...]) }.map {
            percentDecoded($0) ?? $0
        }
        let path = hasPercent ? percentDecoded(beforeHash) ?? beforeHash : beforeHash
        if path.utf8.first == UInt8(ascii: "/"), !path.hasSuffix(".md") { return .path(destination) }
        let source = Self.sourcePath(path, from: page.path)
        if let source {
            if let node = node(ofSource: source, in: page.language) { return .page(node: node, fragment: fragment) }
            if let file = fileBySource[source] { return .file(file) }
        }
        // Other generators' pages link to addresses relative to their own.
        if let node = nodeBySource[page.path], !path.hasSuffix(".md"),
            let address = Self.joined(nodes[node].path, path), nodeAt(address, docroot(of: node)) != nil
        {
            return .path(percentEncodedPath(address) + (fragment.map { "#" + percentEncodedPath($0) } ?? ""))
        }
        return .notShown(source: source ?? path)
    }

    /// Which of the bytes that part an address stand in it.
    private static func marks(_ destination: String) -> (colon: Bool, hash: Bool, percent: Bool) {
        var destination = destination
        return destination.withUTF8 { bytes in
            (
                bytes.find(UInt8(ascii: ":")) != nil, bytes.find(UInt8(ascii: "#")) != nil,
                bytes.find(UInt8(ascii: "%")) != nil
            )
        }
    }

    package func docroot(of node: Int) -> Int { nodes[node].docroot }

    private func nodeAt(_ path: String, _ docroot: Int) -> Int? {
        nodes.firstIndex { $0.path == path && editions[$0.edition].docroot == docroot }
    }

    /// A relative address below `base`, ending with a slash; nil when it climbs out.
    private static func joined(_ base: String, _ path: String) -> String? {
        var parts = base.split(separator: "/").map(String.init)
        for part in path.split(separator: "/") where part != "." {
            if part == ".." {
                guard parts.popLast() != nil else { return nil }
            } else {
                parts.append(String(part))
            }
        }
        return parts.isEmpty ? "/" : "/" + parts.joined(separator: "/") + "/"
    }

    /// `/portal/a.md` counts from `Content/`, anything else from the page's folder; nil when it climbs out.
    static func sourcePath(_ path: String, from page: String) -> String? {
        if let plain = plainSourcePath(path, from: page) { return plain }
        var parts =
            path.hasPrefix("/") ? ["Content"] : FileSystem.parent(page).split(separator: "/").map(String.init)
        for part in path.split(separator: "/") {
            switch part {
            case ".": continue
            case "..":
                guard parts.count > 1 else { return nil }
                parts.removeLast()
            default: parts.append(String(part))
            }
        }
        return parts.joined(separator: "/")
    }

    /// The same for what nearly every link is: `../` some times, then names; nil for all others.
    private static func plainSourcePath(_ path: String, from page: String) -> String? {
        let dot = UInt8(ascii: ".")
        let slash = UInt8(ascii: "/")
        var (path, from) = (path, page)
        return path.withUTF8 { path in
            from.withUTF8 { from in
                guard let first = path.first, first != slash else { return nil }
                // How much of the page's own path stays, and where names begin.
                var (kept, start) = (from.count, 0)
                func climb() -> Bool {
                    repeat { kept -= 1 } while kept > 0 && from[kept] != slash
                    return kept > 0
                }
                guard climb() else { return nil }
                while path.count - start >= 3, path[start] == dot, path[start + 1] == dot, path[start + 2] == slash {
                    start += 3
                    guard climb() else { return nil }
                }
                var previous = slash
                for byte in path[start...] {
                    if previous == slash, byte == dot || byte == slash { return nil }
                    previous = byte
                }
                guard previous != slash else { return nil }
                let names = path.count - start
                return String(unsafeUninitializedCapacity: kept + 1 + names) { out in
                    _ = out.update(fromContentsOf: from[..<kept])
                    out[kept] = slash
                    _ = out[(kept + 1)...].update(fromContentsOf: path[start...])
                    return kept + 1 + names
                }
            }
        }
    }

    /// The page of a source file; its translation where there is one and the name says no language.
    private func node(ofSource source: String, in language: String) -> Int? {
        guard let node = nodeBySource[source] else {
            guard language != configuration.group.defaultLanguage, source.hasSuffix(".md") else { return nil }
            return nodeBySource[String(source.dropLast(3)) + ".\(language).md"]
        }
        guard language != configuration.group.defaultLanguage,
            editions[nodes[node].edition].language == configuration.group.defaultLanguage,
            nodes[node].page?.isNamedWithoutLanguage ?? false
        else { return node }
        return nodes[node].twins.first { $0.language == language }?.node ?? node
    }
}

extension SiteGraph {
    /// The node of a source path in this graph.
    package func nodeIndex(ofSource path: String) -> Int? { nodeBySource[path] }

    /// The node of a page named from `Content/`, in a language where it has one, else in the authoritative one.
    package func node(of path: String, in language: String) -> Int? {
        let source = "Content/" + path.drop { $0 == "/" }
        let translated = String(source.dropLast(3)) + ".\(language).md"
        return (language == configuration.group.defaultLanguage ? nil : nodeBySource[translated])
            ?? nodeBySource[source]
    }
}
