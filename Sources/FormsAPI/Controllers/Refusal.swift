import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase

/// Why a request is refused: a status and a code for programs, a sentence for people.
enum Refusal: String, Error, Sendable {
    case malformed, unknownForm, tooLarge, mediaType, crossSite, badKey, keyReused, ticketGone, unavailable

    private var status: HTTPResponse.Status {
        switch self {
        case .malformed, .badKey: .badRequest
        case .unknownForm, .ticketGone: .notFound
        case .tooLarge: .contentTooLarge
        case .mediaType: .unsupportedMediaType
        case .crossSite: .forbidden
        case .keyReused: .unprocessableContent
        case .unavailable: .serviceUnavailable
        }
    }

    private var text: Bilingual {
        switch self {
        case .malformed:
            Bilingual(
                zh: "提交的内容读不出来，没有保存。请回到表单重新填写。",
                en: "What was sent could not be read and was not saved. Go back to the form and try again.")
        case .unknownForm:
            Bilingual(
                zh: "没有这个表单，或者它已经换了新版。请从网站上重新打开表单。",
                en: "There is no such form, or it has been replaced. Open it again from the site.")
        case .tooLarge:
            Bilingual(
                zh: "提交的内容太大，没有保存。请缩短文字后再试。",
                en: "What was sent is too large and was not saved. Shorten it and try again.")
        case .mediaType:
            Bilingual(zh: "不支持这种提交方式。请使用网站上的表单。", en: "This way of sending is not supported. Use the form on the site.")
        case .crossSite:
            Bilingual(
                zh: "提交来自别的网站，没有保存。请从本网站打开表单。",
                en: "This came from another site and was not saved. Open the form on this site.")
        case .badKey: Bilingual(zh: "Idempotency-Key 的长度不对。", en: "The Idempotency-Key must have 16 to 255 characters.")
        case .keyReused:
            Bilingual(zh: "同一个 Idempotency-Key 已用于不同的内容。", en: "This Idempotency-Key was used for other content.")
        case .ticketGone:
            Bilingual(
                zh: "这个页面已经失效。凭证号和查询码只显示十五分钟；抄下来的仍然有效，可以到“查询办理进度”使用。",
                en:
                    "This page has closed. Receipt and code are shown for fifteen minutes; what you wrote down remains good."
            )
        case .unavailable:
            Bilingual(
                zh: "系统暂时无法保存，您的内容没有提交成功。请过几分钟再试，或拨打 69812345。",
                en:
                    "The system cannot save at the moment; nothing was submitted. Try again in a few minutes or call 69812345."
            )
        }
    }

    func response(_ runtime: FormRuntime, language: String) -> Response {
        let title = say(language, "没有成功", "That did not work")
        let main =
            "<h1>\(title)</h1><div class=\"error-summary\" role=\"alert\" data-code=\"\(rawValue)\"><p>\(escapedHTML(text.text(language)))</p></div>"
        var fields = headers([:], type: "text/html; charset=utf-8")
        if self == .unavailable { fields[.retryAfter] = "120" }
        let html = runtime.page(language: language, title: title, main: main)
        return Response(status: status, headers: fields, body: .init(byteBuffer: ByteBuffer(string: html)))
    }
}
