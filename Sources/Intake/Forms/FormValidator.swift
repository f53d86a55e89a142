package import PortalBase

/// Something about one answer that the citizen must correct.
package struct FieldError: Error, Sendable, Equatable {
    package enum Code: String, Sendable {
        case required, tooLong, tooShort, notNumber, tooSmall, tooLarge, notDate, notListed, notPhone, notEmail,
            notUSCC,
            notIDNumber, notDeclared, unknownField, characters, tooManyFiles, fileType, fileTooLarge, fileGone,
            fileUnsafe, fileUnchecked, fileEmpty, fileBusy, notPosition, wrongType
    }
    package let field: String
    package let code: Code
    package let message: Bilingual

    package init(field: String, code: Code, message: Bilingual) {
        self.field = field
        self.code = code
        self.message = message
    }
}

/// Answers that passed: canonical values by field, only for questions that were asked.
package struct ValidAnswers: Sendable, Equatable {
    /// Strings, arrays of strings for `multiple`, objects for `address`.
    package let values: [String: JSON]
    /// Files of the questions that were asked, in the order of the form.
    package let files: [AttachmentDescription]

    package var json: JSON { .object(values) }
}

extension FormDefinition {
    /// The text limit of a field that names none; a bound, so that no form takes a novel by accident.
    package static func defaultMax(_ type: Field.FieldType) -> Int { type == .longtext ? 2_000 : 200 }

    /// The largest file that a form may ask for.
    package static let maxFileMegabytes = 200

    /// Checks a whole submission again, whatever the page did before.
    ///
    /// - Parameters:
    ///   - input: every posted value by name (`inputNames`), reserved names left out.
    ///   - files: what was uploaded, by their fields.
    ///   - last: the page up to which is checked; nil for all.
    package func validate(
        _ input: [String: [String]], files: [AttachmentDescription] = [], through last: String? = nil
    ) -> Result<ValidAnswers, FormErrors> {
        let (given, refused) = stored(input)
        var errors: [FieldError] = []
        // Conditions look at what was accepted before them and at nothing else: the same answers then lead the same
        // way wherever they are checked again.
        var accepted: [String: [String]] = [:]
        var values: [String: JSON] = [:]
        var taken: [AttachmentDescription] = []
        let known = Set(fields.flatMap(\.inputNames))
        for (name, given) in input.sorted(by: { $0.key < $1.key })
        where !known.contains(name) && given.contains(where: { !$0.isEmpty }) {
            errors.append(
                .init(
                    field: name, code: .unknownField,
                    message: Bilingual(zh: "表单里没有这一项", en: "The form has no such field")))
        }
        for page in pages {
            let isPageAsked = isAsked(page.when, accepted)
            for field in page.fields where isPageAsked && isAsked(field.when, accepted) {
                if let error = field.inputNames.lazy.compactMap({ refused[$0] }).first {
                    errors.append(error)
                    continue
                }
                switch field.type {
                case .attachment:
                    let own = files.filter { $0.field == field.id }
                    if input[field.id, default: []].contains(where: { !$0.isEmpty }) {
                        errors.append(
                            field.error(
                                .wrongType, "的文件没有传来，只来了文字；请重新选择文件",
                                "has a text where a file belongs; choose the file again (programs: send it to `attachments`)"
                            ))
                    } else if own.isEmpty {
                        if field.required { errors.append(Self.missing(field)) }
                    } else if let error = Self.check(field, files: own) {
                        errors.append(error)
                    } else {
                        accepted[field.id] = own.map(\.name)
                        taken += own
                    }
                case .address:
                    switch Address.read(field, given) {
                    case .failure(let error): errors.append(error)
                    case .success(nil): if field.required { errors.append(Self.missing(field)) }
                    case .success(let address?):
                        accepted[field.id] = [address.unit]
                        values[field.id] = address.json
                    }
                default:
                    let own = given[field.id, default: []]
                    if own.isEmpty {
                        if field.required { errors.append(Self.missing(field)) }
                    } else if let error = Self.check(field, own) {
                        errors.append(error)
                    } else {
                        accepted[field.id] = own
                        // In the list's order, whatever order they were ticked or posted in.
                        let chosen = field.options.map(\.value).filter(own.contains)
                        values[field.id] =
                            field.type == .multiple ? .array(chosen.map { .string($0) }) : .string(own[0])
                    }
                }
            }
            if page.id == last { break }
        }
        guard errors.isEmpty else { return .failure(FormErrors(errors: errors)) }
        return .success(ValidAnswers(values: values, files: taken))
    }

    /// Answers that passed, as they would be posted: what `validate` reads back to the same values.
    package func input(of values: [String: JSON]) -> [String: [String]] {
        var input: [String: [String]] = [:]
        for (id, value) in values {
            if let parts = value.object {
                input.merge(Address.input(id, parts)) { first, _ in first }
            } else {
                input[id] = value.array?.compactMap(\.string) ?? value.string.map { [$0] } ?? []
            }
        }
        return input
    }

    private static func check(_ field: Field, files: [AttachmentDescription]) -> FieldError? {
        let most = field.max ?? 1
        if files.count > most {
            return field.error(.tooManyFiles, "最多 \(most) 个文件", "takes \(most) file(s) at most")
        }
        guard let rule = field.files else { return nil }
        for file in files {
            guard let type = AttachmentType(mediaType: file.type), rule.types.contains(type) else {
                return field.fileTypeError
            }
            if file.bytes > rule.maxBytes { return field.fileSizeError }
        }
        return nil
    }

    package func isAsked(_ condition: String?, _ answers: [String: [String]]) -> Bool {
        guard let condition else { return true }
        return conditions[condition]?.holds(answers, conditions) ?? false
    }

    private static func missing(_ field: Field) -> FieldError {
        let (zh, en) = (field.label.text("zh"), field.label.text("en"))
        return switch field.type {
        case .declaration:
            .init(
                field: field.id, code: .notDeclared, message: Bilingual(zh: "请勾选“\(zh)”", en: "Tick “\(en)” to go on"))
        case .single, .multiple:
            .init(
                field: field.id, code: .required,
                message: Bilingual(zh: "请选择“\(zh)”", en: "Choose an answer for “\(en)”"))
        case .attachment:
            .init(
                field: field.id, code: .required, message: Bilingual(zh: "请上传“\(zh)”", en: "Attach “\(en)”"))
        default:
            .init(field: field.id, code: .required, message: Bilingual(zh: "请填写“\(zh)”", en: "Enter “\(en)”"))
        }
    }

    fileprivate static func check(_ field: Field, _ given: [String]) -> FieldError? {
        let error = field.error
        if field.type != .multiple, given.count > 1 { return error(.notListed, "只能填一个值", "takes one value only") }
        let text = given[0]
        switch field.type {
        case .text, .longtext:
            let limit = field.max ?? defaultMax(field.type)
            let count = text.unicodeScalars.count
            if count > limit { return error(.tooLong, "不能超过 \(limit) 个字", "must be \(limit) characters or fewer") }
            if let least = field.min, count < least {
                return error(.tooShort, "至少 \(least) 个字", "must be at least \(least) characters")
            }
        case .number:
            guard let number = Decimal(text) else {
                return field.decimals == 0
                    ? error(.notNumber, "应当是整数", "must be a whole number")
                    : error(.notNumber, "应当是数字，如 80.5", "must be a number such as 80.5")
            }
            if number.fraction.utf8.count > field.decimals {
                return field.decimals == 0
                    ? error(.notNumber, "应当是整数", "must be a whole number")
                    : error(
                        .notNumber, "最多 \(field.decimals) 位小数", "takes \(field.decimals) decimal places at most")
            }
            if let least = field.min, number < least {
                return error(.tooSmall, "不能小于 \(least)", "must be \(least) or more")
            }
            if let most = field.max, number > most {
                return error(.tooLarge, "不能大于 \(most)", "must be \(most) or less")
            }
        case .date:
            if CivilDate(iso: text) == nil {
                return error(.notDate, "应当是日期，如 2026-09-01", "must be a date such as 2026-09-01")
            }
        case .single, .multiple:
            let known = Set(field.options.map(\.value))
            if !given.allSatisfy(known.contains) || Set(given).count != given.count {
                return error(.notListed, "只能从选项中选择", "must be one of the choices")
            }
        case .phone:
            let digits = text.utf8.filter { $0 >= 0x30 && $0 <= 0x39 }.count
            if !(7...15).contains(digits)
                || !text.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || "+-() ".utf8.contains($0) })
            {
                return error(
                    .notPhone, "应当是电话号码，如 13800000000 或 0371-69812345",
                    "must be a telephone number, such as 0371-69812345")
            }
        case .email:
            if !isEmailAddress(text) {
                return error(
                    .notEmail, "应当是电子邮箱，如 name@example.com", "must be an e-mail address, such as name@example.com")
            }
        case .uscc:
            if !isUnifiedSocialCreditCode(text) {
                return error(
                    .notUSCC, "不是有效的统一社会信用代码（18 位）", "is not a valid unified social credit code (18 characters)")
            }
        case .idnumber:
            if !isResidentIDNumber(text) {
                return error(
                    .notIDNumber, "不是有效的居民身份证号（18 位）", "is not a valid resident identity number (18 characters)")
            }
        case .declaration:
            if text != "yes" { return error(.notDeclared, "需要勾选", "must be ticked") }
        case .address, .attachment: break
        }
        return nil
    }
}

extension FormDefinition.Field {
    /// Names under which the answer is posted.
    package var inputNames: [String] {
        type == .address ? Address.parts.map { "\(id).\($0)" } : [id]
    }

    func error(_ code: FieldError.Code, _ zh: String, _ en: String) -> FieldError {
        .init(
            field: id, code: code,
            message: Bilingual(zh: "“\(label.text("zh"))”\(zh)", en: "“\(label.text("en"))” \(en)"))
    }

    /// What is said of an answer of the wrong form; nil for types that scripts do not check.
    var formatError: FieldError? {
        switch type {
        case .phone, .email, .number, .uscc, .idnumber: FormDefinition.check(self, ["?"])
        default: nil
        }
    }

    package var fileTypeError: FieldError {
        let known = (files?.types ?? []).map { $0.rawValue.uppercased() }.joined(separator: "、")
        return error(
            .fileType, "只能上传 \(known) 文件；压缩包和办公文档请转成 PDF",
            "takes \(known.replacing("、", with: ", ")) files only; turn documents and archives into PDF")
    }

    package func fileNameError(_ type: AttachmentType, ending: String) -> FieldError {
        let kind = type.rawValue.uppercased()
        return error(
            .fileType, "的文件内容是 \(kind)，文件名却以 \(ending) 结尾；请改名为 \(type.endings[0]) 或重新导出",
            "has a file that is \(kind) inside and called \(ending); rename it to \(type.endings[0]), or export it again"
        )
    }

    package var fileSizeError: FieldError {
        let megabytes = (files?.maxBytes ?? 0) >> 20
        return error(.fileTooLarge, "每个文件不能超过 \(megabytes) MB", "must be \(megabytes) MB or less, each file")
    }

    package var fileEmptyError: FieldError { error(.fileEmpty, "是空文件，请重新选择", "is an empty file; choose another") }

    package var fileBusyError: FieldError {
        error(
            .fileBusy, "现在上传的人较多，这个文件没有收下；其他内容都在，请过一会儿再选一次这个文件",
            "could not be taken just now, since many files are coming; everything else is here, choose the file again in a while"
        )
    }

    package var fileGoneError: FieldError {
        error(.fileGone, "的文件已经过期，请重新上传", "has expired here; attach it again")
    }

    package var fileUnsafeError: FieldError {
        error(
            .fileUnsafe, "没有通过安全检查，没有保存；请换一个文件", "did not pass the security check and was not kept; send another file")
    }

    package var fileUncheckedError: FieldError {
        error(
            .fileUnchecked, "暂时无法进行安全检查，没有保存；请过几分钟再传",
            "could not be checked just now and was not kept; try again in a few minutes")
    }
}

/// All that is wrong with a submission, in the order of the form.
package struct FormErrors: Error, Sendable, Equatable {
    package let errors: [FieldError]

    package init(errors: [FieldError]) {
        self.errors = errors
    }
}

/// GB 32100-2015: 18 characters without I, O, S, V, Z, the last a MOD 31-3 check character.
func isUnifiedSocialCreditCode(_ text: String) -> Bool {
    let alphabet = Array("0123456789ABCDEFGHJKLMNPQRTUWXY".utf8)
    let bytes = Array(text.uppercased().utf8)
    guard bytes.count == 18 else { return false }
    let values = bytes.compactMap { alphabet.firstIndex(of: $0) }
    guard values.count == 18 else { return false }
    var weight = 1
    var sum = 0
    for value in values.dropLast() {
        sum += value * weight
        weight = weight * 3 % 31
    }
    return values[17] == (31 - sum % 31) % 31
}
