import Cases
import HTTPTypes
import Logging
import PortalBase
import SQL

extension DeskController {
    /// What an officer reads of a failure: the true cause, and what to do.
    func told(_ error: any Error) -> (status: HTTPResponse.Status, code: String, text: String) {
        switch error {
        case let refusal as StaffAuthenticator.Refusal:
            let text =
                switch refusal {
                case .noCertificate: "请插入证书介质后重新打开浏览器：没有收到客户端证书。"
                case .badCertificate: "证书无效、过期、已吊销，或不是用于登录的。请联系证书管理员。"
                case .listOutdated: "现在谁也不能登录：证书吊销列表缺失、损坏或已过期，不是您的证书有问题。请联系证书管理员更新吊销列表。"
                case .notKnown: "证书有效，但名单里没有您。请联系系统管理员登记岗位。"
                case .crossSite, .badToken: "这次提交不是从本页面发出的，或页面已经过时。请返回后重新打开。"
                }
            return (refusal == .listOutdated ? .serviceUnavailable : .forbidden, refusal.rawValue, text)
        case let problem as ActionForm.Problem: return (.unprocessableContent, problem.code, problem.text)
        case let failure as CaseStore.Failure:
            switch failure {
            case .stale: return (.conflict, "stale", "这件事刚刚被别人处理过，您的操作没有保存。下面是最新情况，您填写的文字还在。")
            case .keyReused: return (.conflict, "stale", "这张表已经提交过一次，内容不同。您填写的文字还在，请核对后再提交。")
            case .busy: return (.serviceUnavailable, "busy", "系统正忙，操作没有保存。请过一会儿再提交一次。")
            case .unknownSubject, .document: return (.notFound, "missing", "没有这件事，或者不在您的职责范围内。")
            case .erased: return (.gone, "erased", "这件事的内容已经依法删除，只留下办理记录。")
            case .badSignature: return (.unprocessableContent, "signatureBad", "签名不对，没有办理。请重新提交后再签一次。")
            case .unwritable: return (.unprocessableContent, "characters", "有的文字存不下来（如一长串附加符号），没有保存。请改写。")
            case .refused, .running, .legalHold, .termRunning, .damaged, .unknownDefinition, .unprepared:
                Logger(label: "coredesk").error("request failed: \(failure.code)")
                return (.internalServerError, "failed", "系统出错，操作没有保存。请联系系统管理员。")
            }
        case is BodyTooLarge: return (.contentTooLarge, "tooLarge", "提交的文字太长，没有保存。请返回缩短后再提交。")
        case is BadBody: return (.badRequest, "body", "提交的内容读不出来，没有保存。请返回后重新打开。")
        case is Missing: return (.notFound, "missing", "没有这件事，或者不在您的职责范围内。")
        case let error as SQLError where error.code == .busy || error.code == .full || error.code == .unavailable:
            Logger(label: "coredesk").error("request failed: \(error)")
            let text =
                error.code == .full
                ? "磁盘已满，操作没有保存。请联系系统管理员。" : "系统正忙，操作没有保存。请过一会儿再提交一次。"
            return (.serviceUnavailable, error.code.rawValue, text)
        default:
            // Errors that are made to be logged say what happened; of others the type alone is safe.
            let detail =
                (error as? SQLError).map(\.description) ?? (error as? FileError).map(\.description)
                ?? (error as? ConfigurationError).map(\.description) ?? String(describing: type(of: error))
            Logger(label: "coredesk").error("request failed: \(detail)")
            return (.internalServerError, "failed", "系统出错，操作没有保存。请稍后再试，仍有问题请联系系统管理员。")
        }
    }
}
