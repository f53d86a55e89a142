import Markdown
package import PortalBase
import PositionedYAML

/// Source tree to loaded content: reads, parses, resolves cascades, and leaves out what is not due.
package struct ContentLoader: Sendable {
    let tree: SourceTree
    let configuration: SiteConfiguration
    let now: Instant
    let jobs: Int
    let cache: PageCache?
    /// Digest of the configuration's text, for the cache.
    let configurationDigest: SHA256Digest

    package init(
        tree: SourceTree, configuration: SiteConfiguration, now: Instant, jobs: Int, cache: PageCache? = nil,
        configurationDigest: SHA256Digest = SHA256Digest(of: [])
    ) {
        self.tree = tree
        self.configuration = configuration
        self.now = now
        self.jobs = jobs
        self.cache = cache
        self.configurationDigest = configurationDigest
    }

    package func load(diagnostics: inout [Diagnostic]) -> LoadedContent {
        let layout = ContentLayout(tree: tree, configuration: configuration, diagnostics: &diagnostics)
        let places = layout.pages
        // Sections first, since their cascades reach all other pages. What a head was read from goes with the thread's next
        // page.
        let sections = places.filter { $0.form == .section }
        let heads = parallelMap(sections.count, jobs: jobs) { index, _ in read(sections[index]) }
        for head in heads { diagnostics += head.diagnostics }
        let cascades = Cascades(
            heads.compactMap(\.source), reaching: places, configuration: configuration, diagnostics: &diagnostics)
        let known = Dictionary(
            uniqueKeysWithValues: zip(sections, heads).map { (ObjectIdentifier($0), $1.source) })
        let made = parallelMap(places.count, jobs: jobs) { index, _ -> (page: LoadedPage?, diagnostics: [Diagnostic]) in
            let place = places[index]
            if place.form == .section {
                return (known[ObjectIdentifier(place)] ?? nil).map { self.page($0, cascades) } ?? (nil, [])
            }
            var (source, found) = read(place)
            guard let source else { return (nil, found) }
            cascades.checkPlace(of: source, &found)
            let (page, more) = self.page(source, cascades)
            return (page, found.isEmpty ? more : found + more)
        }
        var pages: [LoadedPage] = []
        pages.reserveCapacity(made.count)
        var notDue: Set<String> = []
        for (page, found) in made {
            if !found.isEmpty { diagnostics += found }
            guard let page else { continue }
            if !isDue(page.front) { notDue.insert("\(page.pairKey) \(page.language)") }
            pages.append(page)
        }
        checkTwins(pages, &diagnostics)
        for entry in configuration.sites.flatMap({ $0.menu ?? [] }) {
            if let tag = entry.visibility { checkTag(tag.tag, tag.position, configuration, &diagnostics) }
        }
        // The original's dates hold for its translations and, in a section, for what lies below; a translation's own
        // dates hold for itself.
        let main = configuration.group.defaultLanguage
        var kept = pages
        var withheld: [(site: Int, folder: String)] = []
        var gone: Set<String> = []
        if !notDue.isEmpty {
            withheld = pages.filter { $0.form == .section && notDue.contains("\($0.pairKey) \(main)") }
                .map { (site: $0.site, folder: $0.folder) }
            kept = pages.filter { page in
                !notDue.contains("\(page.pairKey) \(main)") && !notDue.contains("\(page.pairKey) \(page.language)")
                    && !withheld.contains { Self.isBelow(page, $0) }
            }
            gone = Set(pages.map(\.pairKey)).subtracting(kept.map(\.pairKey))
        }
        checkNesting(kept, &diagnostics)
        let due = layout.files.filter { file in
            !(file.bundle.map(gone.contains) ?? false)
                && !withheld.contains { $0.site == file.site && Self.isFolder(file.folder, atOrBelow: $0.folder) }
        }
        let named = NamedFiles(due, pages: pages, kept: kept, configuration: configuration, diagnostics: &diagnostics)
        let files = due.map { file in
            let bundlePage = file.bundle.flatMap { key in kept.first { $0.pairKey == key } }
            let visibility =
                bundlePage?.visibility
                ?? cascades.visibility(site: file.site, folder: file.folder, of: file.file.path)
            return LoadedFile(
                path: file.file.path, location: file.file.location, site: file.site, folder: file.folder,
                name: file.name, bundle: file.bundle, size: FileSystem.size(file.file.location) ?? 0,
                visibility: visibility, grounds: named.grounds(of: file, visibility, &diagnostics))
        }
        diagnostics += AttachmentCheck.findings(files, configuration, jobs: jobs)
        checkNesting(files, below: kept, &diagnostics)
        var data = DataLoader(tree: tree, configuration: configuration)
        let tables = data.tables(layout.data)
        let forms = data.forms(layout.forms)
        diagnostics += data.diagnostics
        var nextChange: Instant?
        for page in pages { nextChange = LoadedContent.earlier(nextChange, page.front, after: now) }
        return LoadedContent(
            configuration: configuration, now: now, nextChange: nextChange, pages: kept, files: files, tables: tables,
            forms: forms,
            cascades: cascades)
    }

    private func read(_ place: ContentLayout.PagePlace) -> (source: PageSource?, diagnostics: [Diagnostic]) {
        cache?.read(place) ?? PageSource.read(place, takesDigest: false)
    }

    /// One page with its typed head, and what is wrong with it by itself; from the cache where it is known.
    private func page(_ source: PageSource, _ cascades: Cascades) -> (LoadedPage?, [Diagnostic]) {
        guard let cache, cache.isLongLived, source.reading > 0 else { return typed(source, cascades) }
        let key = PageCache.LoadedKey(
            reading: source.reading, identity: cascades.identity(of: source), configuration: configurationDigest,
            now: now)
        return cache.page(source.place.file.path, key) { typed(source, cascades) }
    }

    private func typed(_ source: PageSource, _ cascades: Cascades) -> (LoadedPage, [Diagnostic]) {
        var diagnostics: [Diagnostic] = []
        var written: (tag: String?, position: SourcePosition?)
        let front = FrontMatter(
            cascades.effective(source), configuration: configuration, visibility: &written, diagnostics: &diagnostics)
        let position = written.position ?? SourcePosition(path: source.place.file.path)
        let page = LoadedPage(
            source, identity: cascades.identity(of: source), front: front,
            visibility: VisibilityTag(tag: written.tag ?? VisibilityTag.failClosed, position: position))
        checkTags(page, source.tags, &diagnostics)
        // A draft may still lack its record of review: it is in no tree.
        if isDue(front) { checkDisclosure(page, &diagnostics) }
        let isOpen = configuration.isOpen(page.visibility.tag)
        checkHead(source.head, isOpen: isOpen, &diagnostics)
        if isOpen {
            for name in page.path.split(separator: "/") where name.utf8.count > 10 {
                configuration.checkNumbers(in: String(name), SourcePosition(path: page.path), &diagnostics)
            }
        }
        return (page, diagnostics)
    }

    /// What a changed file makes of a page, where it says nothing of any other: the audience is the same, it is due as
    /// it was, and it is no section that hands its head on.
    ///
    /// - Returns: nil where more changed, and everything must be read again. `stands` says whether the page stands where it
    ///   stood: lists ask a page for its title and summary when they are drawn.
    package static func rereading(
        _ old: LoadedPage, in content: LoadedContent
    ) -> (page: LoadedPage, stands: Bool, diagnostics: [Diagnostic])? {
        let (source, found) = PageSource.read(old.place)
        guard let source, source.headDigest == old.headDigest || old.form != .section else { return nil }
        let loader = ContentLoader(
            tree: .empty, configuration: content.configuration, now: content.now, jobs: 1)
        var placed: [Diagnostic] = []
        content.cascades.checkPlace(of: source, &placed)
        let (page, more) = loader.typed(source, content.cascades)
        guard placed.isEmpty, page.visibility.tag == old.visibility.tag, loader.isDue(page.front),
            // Which files are published may be another matter now.
            page.references == old.references, page.front.files == old.front.files
        else { return nil }
        return (page, page.front.isPlaced(like: old.front), found + more)
    }

    private func isDue(_ front: FrontMatter) -> Bool {
        if front.draft { return false }
        if let date = front.date, date > now { return false }
        if let date = front.notBefore, date > now { return false }
        if let expires = front.expires, expires <= now { return false }
        return true
    }

    private static func isBelow(_ page: LoadedPage, _ section: (site: Int, folder: String)) -> Bool {
        page.site == section.site && isFolder(page.folder, atOrBelow: section.folder)
    }

    private static func isFolder(_ folder: String, atOrBelow outer: String) -> Bool {
        outer.isEmpty || folder == outer || folder.hasPrefix(outer + "/")
    }

    private func checkTags(
        _ page: LoadedPage, _ tags: [(tag: String, position: SourcePosition)], _ diagnostics: inout [Diagnostic]
    ) {
        checkTag(page.visibility.tag, page.visibility.position, configuration, &diagnostics)
        // A part without a tag was reported when it was found.
        for (tag, position) in tags where !tag.isEmpty {
            checkTag(tag, position, configuration, &diagnostics)
        }
    }

    /// What 政府信息公开条例 forbids: 不予公开 and 依申请公开 matter in a tree that anybody may see (articles 14 to 16, 27),
    /// a refusal without its ground, and 主动公开 without the record of its review (article 17).
    private func checkDisclosure(_ page: LoadedPage, _ diagnostics: inout [Diagnostic]) {
        guard let disclosure = page.front.disclosure else { return }
        let position = page.front.places.disclosure ?? SourcePosition(path: page.path)
        let isOpen = configuration.isOpen(page.visibility.tag)
        if disclosure != .proactive, isOpen {
            diagnostics.append(
                Diagnostic(
                    "disclosure-public", position,
                    problem: Bilingual(
                        zh: disclosure == .withheld ? "不予公开的信息放在了公开网站" : "依申请公开的信息放在了公开网站",
                        en: "this is marked `\(disclosure.rawValue)` and shown to anybody"),
                    remedy: Bilingual(
                        zh: "请改成 visibility: intranet，或改 disclosure",
                        en: "write `visibility: intranet`, or change `disclosure`"),
                    related: page.visibility.position))
        }
        if disclosure == .withheld, page.front.legalBasis == nil {
            diagnostics.append(
                Diagnostic(
                    "disclosure-basis", position,
                    problem: Bilingual(zh: "不予公开而没有写明依据", en: "withheld without a legal basis"),
                    remedy: Bilingual(
                        zh: "请写 legal_basis，如 政府信息公开条例第十五条",
                        en: "add `legal_basis`, such as 政府信息公开条例第十五条")))
        }
        if disclosure == .proactive, isOpen, page.front.reviewedBy == nil || page.front.reviewedAt == nil {
            diagnostics.append(
                Diagnostic(
                    "disclosure-review", position,
                    problem: Bilingual(zh: "主动公开而没有公开审查记录", en: "disclosed without a record of its review"),
                    remedy: Bilingual(zh: "请写 reviewed_by 和 reviewed_at", en: "add `reviewed_by` and `reviewed_at`")))
        }
    }

    private func checkTwins(_ pages: [LoadedPage], _ diagnostics: inout [Diagnostic]) {
        let main = configuration.group.defaultLanguage
        lazy var originals = Dictionary(pages.lazy.filter { $0.language == main }.map { ($0.pairKey, $0) }) {
            first, _ in
            first
        }
        let languages = configuration.group.languages.count
        for (index, page) in pages.enumerated() where page.language != main {
            // Nearly always a file or two further on.
            let near = pages[index..<min(index + languages, pages.count)].first {
                $0.language == main && $0.isVersion(of: page)
            }
            guard let original = near ?? originals[page.pairKey] else {
                let wanted = page.path.replacing(".\(page.language).md", with: ".md")
                diagnostics.append(
                    Diagnostic(
                        "missing-original", SourcePosition(path: page.path),
                        problem: Bilingual(
                            zh: "有 \(page.language) 译文而没有原文", en: "this translation (\(page.language)) has no original"),
                        remedy: Bilingual(zh: "请添加 \(wanted)", en: "add \(wanted)")))
                continue
            }
            for variant in configuration.variants
            where variant.admits.contains(page.visibility.tag) && !variant.admits.contains(original.visibility.tag) {
                diagnostics.append(
                    Diagnostic(
                        "twin-visibility", page.visibility.position,
                        problem: Bilingual(
                            zh: "译文比原文更公开", en: "the translation is shown more widely than its original"),
                        remedy: Bilingual(zh: "请让两者的 visibility 一致", en: "give both the same `visibility`"),
                        related: original.visibility.position))
                break
            }
            if page.form == .bundle, page.visibility.tag != original.visibility.tag {
                diagnostics.append(
                    Diagnostic(
                        "twin-visibility", page.visibility.position,
                        problem: Bilingual(
                            zh: "同一目录的两种语言 visibility 不同", en: "the languages of one bundle differ in `visibility`"),
                        remedy: Bilingual(
                            zh: "请让两者一致，附件才知道给谁看",
                            en: "make them agree, so that the files beside them have one audience"),
                        related: original.visibility.position))
            }
        }
    }

    /// Front matter is no Markdown: a mark there would be shown as it stands, with what it was meant to hide.
    private func checkHead(_ node: YAMLNode, isOpen: Bool, _ diagnostics: inout [Diagnostic]) {
        node.forEachScalar { text, position in
            diagnostics += [misplacedMark(in: text, position)].compactMap { $0 }
            if isOpen, text.utf8.count > 10 { configuration.checkNumbers(in: text, position, &diagnostics) }
        }
    }

    /// Nothing may be shown more widely than the section it lies in.
    private func checkNesting(_ pages: [LoadedPage], _ diagnostics: inout [Diagnostic]) {
        let sections = originalSections(pages)
        // Pages of a folder stand side by side and have the same sections above them.
        var known: (site: Int, folder: String, above: [LoadedPage])?
        for page in pages {
            if page.form == .section || known?.site != page.site || known?.folder != page.folder {
                let folders = ContentLayout.foldersAbove(page.folder, includingSelf: page.form != .section)
                let above = folders.compactMap { sections["\(page.site)/\($0)"] }
                known = page.form == .section ? nil : (page.site, page.folder, above)
                checkNesting(page.visibility, above, &diagnostics)
            } else if let known {
                checkNesting(page.visibility, known.above, &diagnostics)
            }
        }
    }

    private func checkNesting(_ files: [LoadedFile], below pages: [LoadedPage], _ diagnostics: inout [Diagnostic]) {
        let sections = originalSections(pages)
        for file in files where file.bundle == nil {
            let above = ContentLayout.foldersAbove(file.folder, includingSelf: true).compactMap {
                sections["\(file.site)/\($0)"]
            }
            checkNesting(file.visibility, above, &diagnostics, file: file.path)
        }
    }

    private func originalSections(_ pages: [LoadedPage]) -> [String: LoadedPage] {
        let main = configuration.group.defaultLanguage
        return Dictionary(
            pages.filter { $0.form == .section && $0.language == main }.map { ("\($0.site)/\($0.folder)", $0) }
        ) { first, _ in first }
    }

    private func checkNesting(
        _ visibility: VisibilityTag, _ above: [LoadedPage], _ diagnostics: inout [Diagnostic], file: String? = nil
    ) {
        for section in above {
            guard section.visibility.tag != visibility.tag,
                let variant = configuration.variants.first(where: {
                    $0.admits.contains(visibility.tag) && !$0.admits.contains(section.visibility.tag)
                })
            else { continue }
            diagnostics.append(
                Diagnostic(
                    "public-below-intranet", file.map { SourcePosition(path: $0) } ?? visibility.position,
                    problem: Bilingual(
                        zh: "栏目不对“\(variant.name)”公开，其中的内容却公开",
                        en: "this is shown in `\(variant.name)`, the section that it lies in is not"),
                    remedy: Bilingual(
                        zh: "请移到公开栏目，或改 visibility 和 cascade",
                        en: "move it to a section that is shown, or change `visibility` and `cascade`"),
                    related: section.visibility.position))
            return
        }
    }
}

extension SiteConfiguration {
    /// Reports numbers that lead to one person and are not meant to be published.
    func checkNumbers(in text: String, _ position: SourcePosition, _ diagnostics: inout [Diagnostic]) {
        var text = text
        let found = text.withUTF8 { PersonalNumbers.find(in: $0) }
        for number in found where !publishedNumbers.contains(number.digits) {
            diagnostics.append(PersonalNumberFinding.make(number, position))
        }
    }
}

/// What is said of a text that nothing reads for marks and that holds one.
func misplacedMark(in text: String, _ position: SourcePosition) -> Diagnostic? {
    guard VisibilityMarks.mayStand(in: text), VisibilityMarks.count(in: text.utf8, linesAreText: false) > 0 else {
        return nil
    }
    return misplacedMark(position)
}

/// A mark of the inline or block form where nothing reads it.
func misplacedMark(_ position: SourcePosition) -> Diagnostic {
    Diagnostic(
        "misplaced-mark", position,
        problem: Bilingual(
            zh: "这里不能写 :intranet 或 :only，内容会原样公开",
            en: "`:intranet` and `:only` do nothing here; the text would be shown to anybody"),
        remedy: Bilingual(zh: "请移到正文，或删去要隐藏的文字", en: "move it into the body, or take the hidden text out"))
}

/// A tag must be admitted by some variant, or a typo would hide a page for ever without a word.
func checkTag(
    _ tag: String, _ position: SourcePosition, _ configuration: SiteConfiguration, _ diagnostics: inout [Diagnostic]
) {
    guard !configuration.variants.contains(where: { $0.admits.contains(tag) }) else { return }
    let known = Set(configuration.variants.flatMap(\.admits))
    let hint = nearestName(to: tag, among: known.sorted())
    diagnostics.append(
        Diagnostic(
            "unknown-visibility", position,
            problem: Bilingual(zh: "没有哪个版本接受“\(tag)”", en: "no variant admits `\(tag)`"),
            remedy: didYouMean(hint)
                ?? Bilingual(
                    zh: "可用：\(known.sorted().joined(separator: "、"))",
                    en: "known here: \(known.sorted().joined(separator: ", "))")))
}
