/// Typed and pasted text as its reader means it: for checking, comparing, masking and searching, never for storing words.
///
/// Width and presentation forms fold by NFKC, radicals to the ideographs they look like, every space to one kind, every
/// dash and middle dot to one; characters without width are left out.
package enum TextFolding {
    /// - Parameter text: keeps `StreamSafe`, or is returned as it is.
    package static func folded(_ text: String) -> String {
        if isPlain(text) { return text }
        // What has no width goes first: it would part a letter from its accent.
        var bare = String.UnicodeScalarView()
        for scalar in text.unicodeScalars where !isUnseen(scalar) { bare.append(scalar) }
        let seen = String(bare)
        guard StreamSafe.holds(seen) else { return text }
        var out = String.UnicodeScalarView()
        for scalar in seen.nfkc.unicodeScalars {
            if let folded = folded(scalar) { out.append(folded) }
        }
        return String(out)
    }

    /// One scalar of NFKC text; nil where it has no width.
    private static func folded(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        if scalar.value < 0x7F { return scalar }
        switch scalar.value {
        case 0x2010...0x2015, 0x2043, 0x2212, 0x2E3A, 0x2E3B, 0x2E40, 0x301C, 0x3030: return "-"
        case 0xB7, 0x2022, 0x2027, 0x2219, 0x22C5, 0x2E31, 0x30FB, 0x16EB, 0x0387: return "·"
        case 0x2E80...0x2EFF: return radicals[scalar] ?? scalar
        default: break
        }
        if isUnseen(scalar) { return nil }
        let properties = scalar.properties
        if properties.isWhitespace { return scalar == "\n" ? scalar : " " }
        return scalar
    }

    private static func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value > 0x7F else { return false }
        return scalar.properties.isDefaultIgnorableCodePoint || scalar.properties.generalCategory == .format
    }

    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F || $0 == 0x0A }
    }

    /// CJK radicals and the unified ideographs that they look like (EquivalentUnifiedIdeograph.txt), as pairs: NFKC folds
    /// the Kangxi radicals alone.
    private static let radicals: [Unicode.Scalar: Unicode.Scalar] = {
        let pairs = Array(
            """
            ⺁厂⺂乛⺃乚⺄乙⺅亻⺆冂⺇𠘨⺈刀⺉刂⺊卜⺋㔾⺌小⺍小⺎兀⺏尣⺐尢⺑𡯂⺒巳⺓幺⺔彑⺕𫜹⺖忄⺗心⺘扌⺙攵⺛旡⺜日⺝月⺞歺⺠民⺡氵⺢氺⺣灬⺤爫⺥爫⺦丬⺧牛⺨犭⺩王⺪𤴔⺫目⺬示⺭礻⺮𥫗⺯糹⺰纟⺱罓⺲罒⺳㓁⺴冗⺵𦉫⺶羊⺷𦍌⺸𦍋⺹耂⺺肀⺻聿⺼肉⺽𦥑⺾艹⺿艹⻀艹⻁虎⻂衤⻃覀⻄西⻅见⻆角⻇𧢲⻈讠⻉贝⻊𧾷⻋车⻌辶⻍辶⻎辶⻏邑⻐钅⻑長⻒镸⻓长⻔门⻕𨸏⻖阝⻗雨⻘青⻙韦⻚页⻛风⻜飞⻝食⻞𩙿⻟飠⻠饣⻡𩠐⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱龜⻲亀
            """.unicodeScalars)
        return Dictionary(
            stride(from: 0, to: pairs.count - 1, by: 2).map { (pairs[$0], pairs[$0 + 1]) }
        ) { first, _ in first }
    }()
}
