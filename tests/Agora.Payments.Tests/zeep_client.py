"""Uses the payment service as any SOAP client does: from its WSDL alone. Prints what it was answered, as JSON."""
import json
import sys

import zeep
from lxml import etree

client = zeep.Client(sys.argv[1], settings=zeep.Settings(strict=True, xml_huge_tree=False))
service = client.service
card = {"cardholderName": "Ann Ödegård <a&b>", "cardNumber": "4111111111111111", "expirationDate": "12/30", "securityCode": "123", "amountInCents": 1250}


def fault(**changes):
    try:
        return service.Charge(transactionId="refused", **{**card, **changes})
    except zeep.exceptions.Fault as e:
        detail = {etree.QName(field).localname: field.text for field in e.detail[0]}
        return [e.code.split(":")[-1], etree.QName(e.detail[0]).localname, detail["Field"], detail["Reason"] in e.message]


answers = {
    "operations": sorted(client.wsdl.services["FinancialTransactions"].ports.popitem()[1].binding._operations),
    "charge": service.Charge(transactionId="a", **card),
    "again": service.Charge(transactionId="a", **card),
    "find": service.Find(transactionId="a"),
    "unknown": service.Find(transactionId="never"),
    "void": service.Void(transactionId="b"),
    "chargeVoided": service.Charge(transactionId="b", **card),
    "badNumber": fault(cardNumber="4111111111111112"),
    "badMonth": fault(expirationDate="01/20"),
    "badCode": fault(securityCode="12"),
    "refused": service.Find(transactionId="refused"),
}
print(json.dumps(answers))
