/* Lights of the board, on port pins. */
#ifndef LED_H
#define LED_H

void LED_Init(void);
void LED_On(unsigned int light);
void LED_Off(unsigned int light);
void LED_Toggle(unsigned int light);

#endif
