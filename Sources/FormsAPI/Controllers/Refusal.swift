import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase

/// Why a request is refused: a status and a code for programs, a sentence for people.
enum Refusal: String, Error, Sendable, CaseIterable {
    case malformed, unknownForm, unknownField, tooLarge, tooSlow, mediaType, crossSite, badKey, keyReused, ticketGone,
        tooMany, proofNeeded, unavailable, invalid, notFound, noPage, method, incomplete,
        notPossible, stepGone, supplementedOften

    var status: HTTPResponse.Status {
        switch self {
        case .malformed, .badKey, .unknownField: .badRequest
        case .incomplete: .unprocessableContent
        case .notPossible, .supplementedOften: .conflict
        case .unknownForm, .ticketGone, .stepGone, .notFound, .noPage: .notFound
        case .method: .methodNotAllowed
        case .tooLarge: .contentTooLarge
        case .tooSlow: .requestTimeout
        case .mediaType: .unsupportedMediaType
        case .crossSite: .forbidden
        case .keyReused, .invalid: .unprocessableContent
        case .tooMany, .proofNeeded: .tooManyRequests
        case .unavailable: .serviceUnavailable
        }
    }

    var text: Bilingual {
        switch self {
        case .malformed:
            Bilingual(
                zh: "提交的内容读不出来，没有保存。请回到表单重新填写。",
                en: "What was sent could not be read and was not saved. Go back to the form and try again.")
        case .unknownForm:
            Bilingual(
                zh: "没有这个表单，或者它已经换了新版。请从网站上重新打开表单。",
                en: "There is no such form, or it has been replaced. Open it again from the site.")
        case .unknownField: Bilingual(zh: "表单里没有这个附件项。", en: "The form has no such field for files.")
        case .tooLarge:
            Bilingual(
                zh: "提交的内容太大，没有保存。请缩短文字、减少或压缩文件后再试。",
                en: "What was sent is too large and was not saved. Shorten it, or send fewer or smaller files.")
        case .tooSlow:
            Bilingual(
                zh: "上传太慢，没有保存。请换一个网络，或减少文件后再试。",
                en: "It arrived too slowly and was not saved. Try another connection, or fewer files.")
        case .mediaType:
            Bilingual(zh: "不支持这种提交方式。请使用网站上的表单。", en: "This way of sending is not supported. Use the form on the site.")
        case .crossSite:
            Bilingual(
                zh: "提交来自别的网站，没有保存。请从本网站打开表单。",
                en: "This came from another site and was not saved. Open the form on this site.")
        case .badKey:
            Bilingual(
                zh: "Idempotency-Key 应为 32 至 255 个字符，如 32 位十六进制数或 UUID。",
                en: "The Idempotency-Key must have 32 to 255 characters: 32 hexadecimal digits or a UUID.")
        case .keyReused:
            Bilingual(zh: "同一个 Idempotency-Key 已用于不同的内容。", en: "This Idempotency-Key was used for other content.")
        case .ticketGone:
            Bilingual(
                zh: "这个页面已经失效。凭证号和查询码只显示十五分钟；抄下来的仍然有效，可以到“查询办理进度”使用。",
                en:
                    "This page has closed. Receipt and code are shown for fifteen minutes; what you wrote down remains good."
            )
        case .tooMany:
            Bilingual(
                zh: "短时间内提交太多，没有保存。请过一会儿再试，急事请拨打 69812345。",
                en:
                    "Too much was sent in a short time; nothing was saved. Try again later, or call 69812345 if it is urgent."
            )
        case .proofNeeded:
            Bilingual(
                zh: "现在提交的人较多，您填写的内容还没有提交。请按页面上的说明再提交一次。",
                en:
                    "Many people are sending forms now, and yours has not been submitted yet. Follow the note and send it again."
            )
        case .unavailable:
            Bilingual(
                zh: "系统暂时无法保存，您的内容没有提交成功。请过几分钟再试，或拨打 69812345。",
                en:
                    "The system cannot save at the moment; nothing was submitted. Try again in a few minutes or call 69812345."
            )
        case .invalid: Bilingual(zh: "有几处需要修改。", en: "Some answers need correction.")
        case .incomplete:
            Bilingual(
                zh: "没有选完整，没有提交。请返回上一页选好再提交。", en: "Something was not chosen, and nothing was sent. Go back and choose."
            )
        case .notPossible:
            Bilingual(
                zh: "这件事现在的状态不能这样办，没有提交。请重新查询进度。",
                en: "The state of this case does not allow that now; nothing was sent. Look up its state again.")
        case .stepGone:
            Bilingual(
                zh: "这一步已经失效（两小时没有继续），请从网站上重新打开表单。浏览器里保存的草稿还在。",
                en:
                    "This step has closed after two hours. Open the form again from the site; a draft in your browser is kept."
            )
        case .supplementedOften:
            Bilingual(
                zh: "这份补正告知已经收到过三次材料，不能再交。需要更换请拨打承办部门或 69812345。",
                en:
                    "This notice was answered three times already. To replace something, call the department or 69812345."
            )
        case .noPage: Bilingual(zh: "没有这个页面。请从网站首页重新进入。", en: "There is no such page. Start again from the home page.")
        case .method: Bilingual(zh: "这个地址不支持这种请求方式。", en: "This address does not take this method.")
        case .notFound:
            Bilingual(zh: "没有找到。请核对凭证号和查询码。", en: "Nothing was found. Check receipt and code.")
        }
    }

    /// Seconds after which trying again may help.
    private var retryAfter: String? {
        switch self {
        case .unavailable: "120"
        case .tooMany: "60"
        case .proofNeeded: String(ProofOfWork.waiting)
        default: nil
        }
    }

    /// A page in the site's dress.
    func response(_ runtime: FormRuntime, language: String) -> Response {
        let title = say(language, "没有成功", "That did not work")
        let main =
            "<h1>\(title)</h1><div class=\"error-summary\" role=\"alert\" data-code=\"\(rawValue)\"><p>\(escapedHTML(text.text(language)))</p></div>"
        let html = runtime.page(language: language, title: title, main: main)
        return Response(
            status: status, headers: fields("text/html; charset=utf-8"),
            body: .init(byteBuffer: ByteBuffer(string: html)))
    }

    /// RFC 9457.
    func problem(_ more: [String: JSON] = [:]) -> Response {
        let body = JSON.object(
            [
                "type": .string("about:blank"), "status": .integer(status.code), "code": .string(rawValue),
                "title": .string(text.en), "detail": .string(text.zh),
            ].merging(more) { $1 })
        return Response(
            status: status, headers: fields("application/problem+json"),
            body: .init(byteBuffer: ByteBuffer(bytes: body.canonicalBytes)))
    }

    func fields(_ type: String) -> HTTPFields {
        var fields = headers([:], type: type)
        if let retryAfter { fields[.retryAfter] = retryAfter }
        return fields
    }
}
